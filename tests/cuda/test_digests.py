"""On a GPU: digests are what the CPU gives, are enqueued without a wait, and change nothing of the
program's."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reproaudit.model.events import EventFlag, EventKind, Level
from reproaudit.record.digest import gather
from reproaudit.record.digest.device import device_digest, sums_by_ops, why_no_kernel
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import NOTHING, Digest
from tests.record.digest.kernel_cases import (
    DTYPES,
    GOLDEN,
    bytes_of,
    golden_tensors,
    tensor_of,
    walks,
)
from tests.record.recording import operations, record

pytestmark = pytest.mark.gpu


def to_cuda(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same dtype, strides, offset and bytes on the GPU; `tensor.cuda()` packs them and
    lacks some dtypes."""
    raw = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex32 is said to be experimental
        made = torch.empty(0, dtype=tensor.dtype, device="cuda")
    return made.set_(
        raw.cuda().untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride()
    )


def outputs_of(trace: Trace, name: str = "") -> list[Digest]:
    """Return the digests of what the operators of this name wrote, in order."""
    return [op.outputs for op in operations(trace, name)]


def sums(tensor: torch.Tensor) -> tuple[int, int]:
    found = device_digest(tensor)
    assert found is not None
    first, second = found.tolist()
    return first, second


@pytest.fixture
def no_waiting() -> Iterator[None]:
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_kernel_is_what_computes_digests_here() -> None:
    assert sums(torch.ones(3, device="cuda")) == sums(torch.ones(3))
    assert why_no_kernel() == ""
    assert "reproaudit.record.digest.triton_kernels" in sys.modules


@pytest.mark.parametrize("name", GOLDEN)
def test_this_gpu_gives_the_sums_that_every_machine_must_give(name: str) -> None:
    tensor = golden_tensors("cuda")[name]
    assert sums(tensor) == GOLDEN[name]
    first, second = sums_by_ops(tensor).tolist()
    assert (first, second) == GOLDEN[name]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equal_content_has_equal_sums_on_cuda_without_waiting_for_the_device(
    dtype: torch.dtype, request: pytest.FixtureRequest
) -> None:
    tensor = tensor_of(dtype, (5, 7, 13), 3)
    views = [
        tensor,
        tensor.permute(2, 0, 1),
        tensor[1:, ::2],
        tensor.flatten()[1:],
        tensor[:, 1:, :3],
    ]
    on_device = [to_cuda(view) for view in views]
    request.getfixturevalue("no_waiting")
    found = [device_digest(view) for view in on_device]
    torch.cuda.set_sync_debug_mode("default")
    assert [tuple(pair.tolist()) for pair in found if pair is not None] == [
        sums(view) for view in views
    ]


@pytest.mark.parametrize("name", walks())
def test_every_walk_gives_what_the_cpu_gives(name: str) -> None:
    tensor = walks()[name]
    assert sums(to_cuda(tensor)) == sums(tensor)


def test_large_tensors_equal_the_cpu_in_every_sweep_of_the_grid() -> None:
    tensor = torch.randn(3, 5_000_001, generator=torch.Generator().manual_seed(0))
    on_device = to_cuda(tensor)
    for view in (
        lambda t: t,
        lambda t: t.t(),
        lambda t: t[1],
        lambda t: t[:1].expand(4, -1),
        lambda t: t[:, ::3],
    ):
        assert sums(view(on_device)) == sums(view(tensor))


def test_offsets_past_two_to_the_31st_are_read_where_they_are() -> None:
    count = (1 << 31) + (1 << 20) + 3
    far = torch.zeros(count, dtype=torch.uint8, device="cuda")
    far[-5000:] = bytes_of(5000).cuda()
    assert sums(far) == tuple(sums_by_ops(far).tolist())
    for shape, strides in (
        ((2, 3, 8), (1 << 31, 1024, 1)),
        ((2, 3, 5), (1 << 31, 1024, 1)),
        ((16, 2), (3, 1 << 31)),
    ):
        view = torch.as_strided(far, shape, strides, 1 << 19)
        assert sums(view) == sums(view.cpu())
    far[5] = 1
    assert sums(far.view(-1, 1).expand(-1, 2)[: 1 << 20]) == sums(
        far[: 1 << 20].cpu().view(-1, 1).expand(-1, 2)
    )


def test_as_many_elements_as_need_wide_indices_are_all_met() -> None:
    byte = torch.tensor([3], dtype=torch.uint8, device="cuda")
    count = (1 << 31) + 8
    # A gap between rows keeps the dimensions apart: 2^31 elements of which memory holds few.
    padded = torch.full((8, 3), 3, dtype=torch.uint8, device="cuda")
    assert sums(padded[:, None, :2].expand(8, count // 16, 2)) == sums(
        byte.expand(count // 16 * 16)
    )


def test_conjugates_and_composites_have_the_sums_of_the_cpu() -> None:
    pair = torch.complex(torch.arange(5.0), torch.arange(5.0, 0.0, -1.0))
    for tensor in (pair.conj(), pair.conj().imag, torch.eye(3).to_sparse()):
        assert sums(tensor.cuda()) == sums(tensor)


def test_the_current_stream_and_device_and_the_random_state_stay_as_they_are() -> None:
    side = torch.cuda.Stream()
    states = torch.cuda.get_rng_state(), torch.get_rng_state()
    with torch.cuda.stream(side):
        device_digest(torch.ones(10, device="cuda"))
        assert torch.cuda.current_stream() == side
    assert torch.cuda.current_device() == 0
    assert torch.equal(torch.cuda.get_rng_state(), states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


@pytest.mark.seeded
def test_a_digest_on_a_side_stream_is_of_what_that_stream_wrote(tmp_path: Path) -> None:
    big = torch.randn(3000, 3000, device="cuda")
    torch.cuda.synchronize()

    def program() -> torch.Tensor:
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            slow = big
            for _ in range(20):
                slow = slow @ big / 3000
            return slow.add(1)

    first, result = record(tmp_path, program)
    torch.cuda.synchronize()
    second, _ = record(tmp_path, result.clone)
    (written,) = outputs_of(first, "aten::add")
    assert written != NOTHING
    assert outputs_of(second, "aten::clone") == [written]


@pytest.mark.seeded
def test_a_whole_step_in_a_program_that_refuses_to_wait_is_recorded(tmp_path: Path) -> None:
    model = torch.nn.Linear(8, 4).cuda()
    x = torch.randn(16, 8, device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def program() -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(3):
                optimizer.zero_grad()
                model(x).square().mean().backward()
                optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    for level in (Level.BOUNDARY, Level.OPERATION):
        trace, _ = record(tmp_path, program, level)
        gradients = [event for event in trace.tensors() if event.kind is EventKind.GRADIENT]
        assert len(gradients) == 6
        assert all(event.digest != NOTHING for event in gradients)
        assert not trace.columns.have(EventFlag.UNDIGESTED).any()


@pytest.mark.seeded
def test_more_digests_in_a_step_than_a_buffer_holds_are_all_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "ROWS", 8)
    x = torch.arange(5.0, device="cuda")
    trace, _ = record(tmp_path, lambda: [x.add(number) for number in range(50)])
    found = outputs_of(trace, "aten::add")
    again, _ = record(tmp_path, lambda: [x.cpu().cuda().add(number) for number in range(50)])
    assert len(set(found)) == 50
    assert found == outputs_of(again, "aten::add")


@pytest.mark.seeded
def test_threads_with_streams_of_their_own_do_not_mix_up_their_digests(tmp_path: Path) -> None:
    x = torch.arange(1000.0, device="cuda")
    torch.cuda.synchronize()

    def program(threaded: bool) -> None:
        def work(number: int) -> None:
            with torch.cuda.stream(torch.cuda.Stream()):
                for index in range(50):
                    x.add(1000 * number + index)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
            if not threaded:
                thread.join()
        for thread in threads:
            thread.join()

    one, _ = record(tmp_path, lambda: program(True))
    other, _ = record(tmp_path, lambda: program(False))
    found = outputs_of(one, "aten::add")
    assert len(set(found)) == 200
    assert sorted(found) == sorted(outputs_of(other, "aten::add"))


@pytest.mark.seeded
def test_memory_that_the_program_frees_at_once_is_digested_before_it_is_used_again(
    tmp_path: Path,
) -> None:
    x = torch.randn(1 << 22, device="cuda")

    def program() -> None:
        for number in range(20):
            # Each result dies with the line, and the next takes its memory.
            x.add(number).mul(2).sub(3)

    first, _ = record(tmp_path, program)
    second, _ = record(tmp_path, program)
    assert all(op.outputs != NOTHING for op in operations(first))
    assert outputs_of(first) == outputs_of(second)


def test_the_program_sees_no_op_of_a_digest_in_its_default_device_mode() -> None:
    seen: list[str] = []

    class See(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    from reproaudit.record.digest.gather import DeviceDigests

    devices = DeviceDigests(None)  # type: ignore[arg-type]
    x = torch.ones(100, device="cuda")
    with See():
        part = devices.later(x)
    assert part is not None
    assert seen == []
