"""Digests wait on their device until the step ends; every event gets its own, or says that it has
none.

The buffers are on the CPU here. What is CUDA's own about them (streams, events, capture) stands in
tests/cuda.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind, Phase
from reproaudit.record.digest import device as digests
from reproaudit.record.digest import gather
from reproaudit.record.digest.device import device_digest, fold
from reproaudit.record.digest.gather import DeviceDigests
from reproaudit.record.digest.layout import Layout
from reproaudit.record.digest.tensors import combine, seed_for
from reproaudit.record.state import rng
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import NOTHING
from reproaudit.trace.writer import TraceWriter
from tests.record.digest.kernel_cases import defined_sums


def make_writer(folder: Path) -> TraceWriter:
    return TraceWriter(
        folder / "trace",
        level="operation",
        subject="s",
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=0,
    )


def add(writer: TraceWriter) -> int:
    return writer.append(EventKind.OP, at=Moment(Phase.DATA, 0))


def expected(tensor: torch.Tensor) -> tuple[int, int]:
    pair = device_digest(tensor)
    assert pair is not None
    first, second = pair.tolist()
    return fold((first, second), seed_for(tensor))


def finish(writer: TraceWriter, folder: Path) -> Trace:
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), 1)
    return Trace.open(folder / "trace")


def undigested(trace: Trace) -> list[int]:
    """Return the numbers of the operators whose digests are not known."""
    return [op.number for op in trace.operations(EventFlag.UNDIGESTED)]


def defer(devices: DeviceDigests, writer: TraceWriter, tensor: torch.Tensor) -> int:
    event = add(writer)
    part = devices.later(tensor)
    assert part is not None
    devices.defer(event, [], [part])
    return event


def test_each_event_gets_the_digests_of_its_own_tensors(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    one, two, three = torch.arange(5.0), torch.arange(6).reshape(2, 3).t(), torch.ones(3, 4)[:, 1:]
    first, second = devices.later(one), devices.later(two)
    event = add(writer)
    assert first is not None
    assert second is not None
    devices.defer(event, [first, (7, 8), second], [first])
    last = defer(devices, writer, three)
    devices.gather()
    trace = finish(writer, tmp_path)
    assert trace.op(event).inputs == combine([expected(one), (7, 8), expected(two)])
    assert trace.op(event).outputs == expected(one)
    assert trace.op(last).outputs == expected(three)
    assert undigested(trace) == []


def test_a_digest_is_of_the_content_when_it_was_asked_for(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    tensor = torch.arange(5.0)
    before = expected(tensor)
    event = defer(devices, writer, tensor)
    tensor.zero_()
    devices.gather()
    assert finish(writer, tmp_path).op(event).outputs == before


def test_a_step_of_more_digests_than_a_buffer_holds_takes_further_buffers_and_uses_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "ROWS", 4)
    made: list[gather.Buffer] = []

    class Counted(gather.Buffer):
        def __init__(self, device: torch.device) -> None:
            super().__init__(device)
            made.append(self)

    monkeypatch.setattr(gather, "Buffer", Counted)
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    tensors = [torch.full((3,), float(number)) for number in range(44)]
    for step in range(4):
        for tensor in tensors[11 * step : 11 * step + 11]:
            defer(devices, writer, tensor)
        devices.gather()
    found = [op.outputs for op in finish(writer, tmp_path).operations()]
    assert found == [expected(tensor) for tensor in tensors]
    assert len(made) == 3


def test_a_digest_under_way_when_a_step_ends_is_fetched_with_the_next(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    slow = torch.arange(7.0)
    part = devices.later(slow)  # in another thread, say, which is not yet ready to defer it
    defer(devices, writer, torch.ones(3))
    devices.gather()
    for _ in range(3):
        defer(devices, writer, torch.zeros(3))
    event = add(writer)
    assert part is not None
    devices.defer(event, [], [part])
    devices.gather()
    trace = finish(writer, tmp_path)
    assert trace.op(event).outputs == expected(slow)
    assert undigested(trace) == []


def test_an_event_whose_digest_was_never_fetched_says_so(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    event = defer(devices, writer, torch.ones(3))
    writer.flush(0)
    assert undigested(Trace.open(tmp_path / "trace")) == [event]
    devices.gather()
    trace = finish(writer, tmp_path)
    assert undigested(trace) == [event]
    assert any("another thread" in note.why for note in trace.notes)


def test_a_device_that_fails_costs_the_digests_of_the_step_and_not_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    lost = defer(devices, writer, torch.ones(3))

    def fail(buffer: gather.Buffer) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore of it")

    with monkeypatch.context() as patch:
        patch.setattr(gather.Buffer, "start_copy", fail)
        devices.gather()
    kept = defer(devices, writer, torch.zeros(3))
    devices.gather()
    trace = finish(writer, tmp_path)
    assert undigested(trace) == [lost]
    assert trace.op(kept).outputs == expected(torch.zeros(3))
    assert trace.op(lost).outputs == NOTHING
    assert any(
        note.why.endswith("an illegal memory access was encountered") for note in trace.notes
    )


def test_a_program_without_steps_does_not_let_digests_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MOST_PENDING", 5)
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    waiting = []
    for number in range(12):
        defer(devices, writer, torch.full((2,), number))
        waiting.append((devices.pending, writer.hold))
    assert waiting[4] == waiting[9] == (0, False)
    assert waiting[11] == (2, True)


def test_threads_fill_the_same_buffers_without_mixing_up_their_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "ROWS", 16)
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    found: dict[int, torch.Tensor] = {}

    def work(number: int) -> None:
        for index in range(100):
            tensor = torch.tensor([number, index])
            found[defer(devices, writer, tensor)] = tensor
            if index % 10 == number:
                devices.gather()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        devices.gather()
    devices.gather()
    trace = finish(writer, tmp_path)
    digests_of = {op.number: op.outputs for op in trace.operations()}
    assert len(digests_of) == 600
    assert digests_of == {event: expected(tensor) for event, tensor in found.items()}
    assert undigested(trace) == []


def test_a_forked_child_neither_digests_on_the_device_nor_fetches_what_its_parent_began(
    tmp_path: Path,
) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    event = defer(devices, writer, torch.ones(3))
    child = os.fork()
    if child == 0:
        devices.gather()
        os._exit(0 if devices.later(torch.ones(3)) is None and devices.pending else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    devices.gather()
    assert finish(writer, tmp_path).op(event).outputs == expected(torch.ones(3))


class StandIn:
    """CUDA as the recorder sees it, on tensors of the CPU: a current stream, capture, a kernel for
    contiguous bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream = 0x10
        self.is_capturing = False
        self.launches: list[int] = []
        monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: self.is_capturing)
        for module in (digests, gather):
            monkeypatch.setattr(module, "cuda_stream_handle", lambda device: self.stream)
        for module in (digests, rng):
            monkeypatch.setattr(module, "cuda_device", lambda: None)
        monkeypatch.setattr(torch.Tensor, "get_device", lambda tensor: tensor.device.index)
        monkeypatch.setattr(digests, "plans", {})
        monkeypatch.setattr(digests, "kernel_problem", "")
        monkeypatch.setitem(
            sys.modules, "reproaudit.record.digest.triton_kernels", SimpleNamespace(bind=self.bind)
        )

    def bind(self, layout: Layout, alignment: int, device: int) -> Any:
        def launch(address: int, sums: int, stream: int) -> None:
            self.launches.append(stream)
            pair = (ctypes.c_int64 * 2).from_address(sums)
            assert tuple(pair) == (0, 0)
            pair[:] = defined_sums(ctypes.string_at(address, layout.count))

        return launch


def test_each_stream_has_rows_of_its_own_and_the_kernel_runs_on_the_current_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path)
    tensors = [torch.arange(float(size)) for size in (1, 2, 3, 3)]
    digest_of = [expected(tensor) for tensor in tensors]
    with monkeypatch.context() as patch:
        cuda = StandIn(patch)
        devices = DeviceDigests(writer)
        parts = []
        for tensor, stream in zip(tensors, (0x10, 0x20, 0x10, 0x10), strict=True):
            cuda.stream = stream
            parts.append(devices.later(tensor))
            assert parts[-1] is not None
            devices.defer(add(writer), [], [parts[-1]])
        assert cuda.launches == [0x10, 0x20, 0x10, 0x10]
        buffers = [part.buffer for part in parts if part is not None]
        assert buffers[0] is buffers[2] is buffers[3]
        assert buffers[0] is not buffers[1]
        devices.gather()
        again = devices.later(tensors[0])
        assert again is not None
        assert again.buffer is buffers[0]
        devices.defer(add(writer), [], [again])
        devices.gather()
    found = [op.outputs for op in finish(writer, tmp_path).operations()]
    assert found == [*digest_of, digest_of[0]]


def test_nothing_is_enqueued_nor_waited_for_while_a_graph_is_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path)
    with monkeypatch.context() as patch:
        cuda = StandIn(patch)
        devices = DeviceDigests(writer)
        part = devices.later(torch.ones(4))
        assert part is not None
        devices.defer(add(writer), [], [part])
        cuda.is_capturing = True
        assert devices.later(torch.ones(4)) is None
        assert len(cuda.launches) == 1
        patch.setattr(
            gather.Buffer, "start_copy", lambda buffer: pytest.fail("copied during a capture")
        )
        devices.gather()
    trace = finish(writer, tmp_path)
    assert undigested(trace) == [0]
    assert {note.what for note in trace.notes} == {
        "tensors inside CUDA graph capture",
        "some device tensors",
    }


def test_without_a_working_triton_torch_ops_give_the_same_digests_and_the_trace_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(tmp_path)
    tensor = torch.arange(12.0).reshape(3, 4).t()
    digest_of = expected(tensor)
    with monkeypatch.context() as patch:
        StandIn(patch)
        patch.setitem(sys.modules, "reproaudit.record.digest.triton_kernels", None)
        devices = DeviceDigests(writer)
        for _ in range(2):
            part = devices.later(tensor)
            assert part is not None
            devices.defer(add(writer), [], [part])
        devices.gather()
    trace = finish(writer, tmp_path)
    assert [op.outputs for op in trace.operations()] == [digest_of] * 2
    assert [note.what for note in trace.notes] == ["the speed of digests on CUDA"]
    assert "ModuleNotFoundError" in trace.notes[0].why


def test_an_event_of_which_a_tensor_has_no_digest_stays_flagged(tmp_path: Path) -> None:
    writer = make_writer(tmp_path)
    devices = DeviceDigests(writer)
    whole, part = add(writer), add(writer)
    first, second = devices.later(torch.ones(3)), devices.later(torch.ones(4))
    assert first is not None
    assert second is not None
    devices.defer(whole, [], [first])
    devices.defer(part, [], [second], is_complete=False)
    devices.gather()
    assert whole != part
    assert undigested(finish(writer, tmp_path)) == [part]
