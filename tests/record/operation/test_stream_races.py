"""Missing synchronisation between streams, without a GPU: the CPU stands in for one, with streams
that are numbers.

PyTorch tells of events, waits and freed memory through its registries of callbacks; here the tests
do, in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.cuda._gpu_trace as gpu_trace

from reproaudit.diagnose.races import DeviceRace, read_device_races, warn_of_races
from reproaudit.diagnose.refusals import collect_alerts
from reproaudit.record.operation import alerts, stream_races
from reproaudit.trace.runs import Run
from tests.record.recording import notes, record

HERE = Path(__file__).name


class Device:
    """A device made of all CPU tensors that are not listed as the host's; `stream` is the current
    one.

    Memory is freed where a test says so, and not before: what the CPU's allocator hands out again
    is not reported, as a CUDA allocator would, so a new tensor would race with a forgotten one.
    """

    def __init__(self) -> None:
        self.stream = 0
        self.host: list[torch.Tensor] = []
        self.used: list[torch.UntypedStorage] = []

    def is_on_device(self, tensor: torch.Tensor) -> bool:
        self.used.append(tensor.untyped_storage())
        return not self.is_pinned(tensor)

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        memory = tensor.untyped_storage().data_ptr()
        return any(memory == other.untyped_storage().data_ptr() for other in self.host)

    def wait(self, event: int, waiting: int) -> None:
        """The event is recorded on the current stream, and `waiting` waits for it."""
        gpu_trace.EventRecordCallbacks.fire_callbacks(event, self.stream)
        gpu_trace.EventWaitCallbacks.fire_callbacks(event, waiting)

    def synchronize(self) -> None:
        gpu_trace.StreamSynchronizationCallbacks.fire_callbacks(self.stream)

    def free(self, tensor: torch.Tensor) -> None:
        gpu_trace.MemoryDeallocationCallbacks.fire_callbacks(tensor.untyped_storage().data_ptr())


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    found = Device()
    monkeypatch.setattr(stream_races, "has_cuda", lambda: True)
    monkeypatch.setattr(stream_races, "is_on_device", found.is_on_device)
    monkeypatch.setattr(stream_races, "is_pinned", found.is_pinned)
    monkeypatch.setattr(stream_races, "find_stream", lambda device: found.stream)
    yield found
    assert [registry.callback_list for registry in registries()] == [[]] * len(registries())


def registries() -> list[Any]:
    return [getattr(gpu_trace, name) for name in stream_races.SANITIZER_CALLBACKS]


def races(folder: Path, program: Callable[[], Any]) -> tuple[DeviceRace, ...]:
    trace, _ = record(folder, program, alerts=True, digests=False)
    assert collect_alerts(trace) == ()
    return read_device_races(trace)


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, text in enumerate(lines, 1) if text.endswith(f"# {mark}"))


def test_a_stream_that_reads_what_another_wrote_is_reported_with_both_lines(
    tmp_path: Path, device: Device
) -> None:
    def program() -> None:
        x = torch.ones(4)
        x.mul_(2)  # writes
        device.stream = 7
        x.sum()  # reads

    (race,) = races(tmp_path, program)
    assert (race.op, race.location.line) == ("aten::sum.default", line_of("reads"))
    assert (race.other_op, race.other.line) == ("aten::mul_.Tensor", line_of("writes"))
    assert not race.is_host
    (warning,) = warn_of_races([race])
    assert (warning.rule, warning.location, warning.others) == (
        "RA504",
        race.location,
        (race.other,),
    )
    assert warning.message == (
        f"aten::sum at {HERE}:{line_of('reads')} reads float32[4] on stream 1, unordered with "
        f"the write on the default stream by aten::mul_.Tensor at {HERE}:{line_of('writes')}"
    )


def test_a_stream_that_waited_for_the_other_races_with_nobody(
    tmp_path: Path, device: Device
) -> None:
    def program() -> None:
        x = torch.ones(4)
        device.wait(event=1, waiting=7)
        device.stream = 7
        x.sum()

    assert races(tmp_path, program) == ()


def test_a_wait_for_an_event_from_before_the_write_does_not_help(
    tmp_path: Path, device: Device
) -> None:
    def program() -> None:
        x = torch.ones(4)
        device.wait(event=1, waiting=7)
        x.mul_(2)
        device.stream = 7
        x.sum()

    assert [race.other_op for race in races(tmp_path, program)] == ["aten::mul_.Tensor"]


def test_a_host_that_waited_in_between_orders_the_streams(tmp_path: Path, device: Device) -> None:
    def program() -> None:
        x = torch.ones(4)
        device.synchronize()
        device.stream = 7
        x.sum()

    assert races(tmp_path, program) == ()


def test_a_later_write_is_blamed_on_the_earlier_reader_that_it_endangers(
    tmp_path: Path, device: Device
) -> None:
    def program() -> None:
        x = torch.ones(4)
        x.sum()
        device.stream = 7
        x.zero_()

    (race,) = races(tmp_path, program)
    assert (race.op, race.other_op) == ("aten::sum.default", "aten::zero_.default")
    assert (
        "reads float32[4] on the default stream, unordered with the later write on stream 1"
        in race.message
    )


def test_the_same_pair_of_lines_is_reported_once(tmp_path: Path, device: Device) -> None:
    def program() -> None:
        for _ in range(5):
            device.stream = 0
            x = torch.ones(4)
            device.stream = 7
            x.sum()
            device.free(x)

    assert len(races(tmp_path, program)) == 1


def test_memory_that_was_freed_starts_anew_with_all_views_into_it(
    tmp_path: Path, device: Device
) -> None:
    def program() -> None:
        x = torch.ones(4)
        x[2:].mul_(2)
        device.free(x)
        device.stream = 7
        x[2:].sum()

    assert races(tmp_path, program) == ()


def test_reading_a_number_waits_only_after_the_reading(tmp_path: Path, device: Device) -> None:
    """The wait inside of item() is told of while the operator runs, and covers what the operator
    itself has read."""

    def program() -> None:
        device.stream = 0
        x = torch.ones(1)
        x.item()
        device.stream = 7
        x.zero_()

    def waiting(func: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            if func is torch.ops.aten._local_scalar_dense.default:
                device.synchronize()
            return func(*args, **kwargs)

        return run

    running = stream_races.StreamRaces.watch_waits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            stream_races.StreamRaces, "watch_waits", lambda self, func: running(self, waiting(func))
        )
        assert races(tmp_path, program) == ()
    assert [race.other_op for race in races(tmp_path, program)] == ["aten::zero_.default"]


def test_waits_of_the_recorder_are_not_the_program_s(tmp_path: Path, device: Device) -> None:
    from reproaudit.record.digest import gather

    def program() -> None:
        x = torch.ones(4, requires_grad=True)
        x.sum().backward()  # the end of a step, where the recorder waits for its digests
        device.stream = 7
        x.detach().sum()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather.DeviceDigests, "gather", lambda self: device.synchronize())
        assert {race.other_op for race in races(tmp_path, program)} == {"aten::ones.default"}


def test_a_host_that_reads_a_copy_under_way_is_reported(tmp_path: Path, device: Device) -> None:
    def program() -> None:
        x, host, total = torch.ones(4), torch.zeros(4), torch.zeros(())
        device.host += [host, total]
        host.copy_(x, non_blocking=True)  # copies
        torch.sum(host, 0, out=total)  # too early
        torch.sum(host, 0, out=total)

    (race,) = races(tmp_path, program)
    assert race.is_host
    assert (race.location.line, race.other.line) == (line_of("too early"), line_of("copies"))
    (warning,) = warn_of_races([race])
    assert warning.rule == "RA505"
    assert warning.message.startswith(
        f"{race.op} at {HERE}:{line_of('too early')} reads float32[4]"
    )
    assert race.repairs == ("copies.blocking", "streams.serial")


@pytest.mark.parametrize("way", ["waits", "writes source", "reads source"])
def test_the_host_may_read_after_a_wait_and_may_read_but_not_write_what_is_being_copied_from(
    tmp_path: Path, device: Device, way: str
) -> None:
    def program() -> None:
        x, host, total = torch.ones(4), torch.zeros(4), torch.zeros(())
        device.host += [host, total]
        if way == "waits":
            host.copy_(x, non_blocking=True)
            device.synchronize()
            torch.sum(host, 0, out=total)
        else:
            x.copy_(host, non_blocking=True)
            _ = host.zero_() if way == "writes source" else torch.sum(host, 0, out=total)

    assert [race.is_host for race in races(tmp_path, program)] == (
        [True] if way == "writes source" else []
    )


def test_the_program_computes_the_same_and_its_own_sanitizer_is_left_alone(
    tmp_path: Path, device: Device
) -> None:
    def program() -> torch.Tensor:
        x = torch.arange(6.0, requires_grad=True)
        (x.sin() * x).sum().backward()
        assert x.grad is not None
        return x.grad

    _, found = record(tmp_path, program, alerts=True, digests=False)
    assert torch.equal(found, program())
    assert "torch.cuda._sanitizer" not in sys.modules


def test_a_torch_without_the_parts_that_are_taken_is_noted(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(gpu_trace, "EventWaitCallbacks")
    trace, _ = record(tmp_path, lambda: torch.ones(4).sum(), alerts=True, digests=False)
    (note,) = notes(trace)
    assert note.what == "synchronisation between CUDA streams"
    assert "EventWaitCallbacks" in note.why
    monkeypatch.undo()


def test_without_cuda_nothing_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_races, "has_cuda", lambda: False)
    monkeypatch.setattr(
        stream_races, "private_sanitizer", lambda: pytest.fail("it was switched on")
    )
    trace, _ = record(tmp_path, lambda: torch.ones(4).sum(), alerts=True, digests=False)
    assert notes(trace) == []


@pytest.mark.parametrize(("is_in_use", "steps"), [(False, 2), (True, 5)])
def test_a_build_for_cuda_where_none_is_used_ends_a_brief_run_like_any_other(
    tmp_path: Path,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    is_in_use: bool,
    steps: int,
) -> None:
    def program() -> None:
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            weight.sum().backward()
            optimizer.step()

    monkeypatch.setattr(alerts, "is_in_use", lambda: is_in_use)
    trace, _ = record(tmp_path, program, alerts=True, digests=False, is_brief=True)
    assert trace.header["steps"] == steps


def test_a_number_in_place_of_a_tensor_is_taken_while_streams_are_followed(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in ("is_on_device", "is_pinned"):
        monkeypatch.setattr(stream_races, asked, lambda tensor: False)  # it has no memory

    def program() -> torch.Tensor:
        result: torch.Tensor = torch._efficientzerotensor((3,)) + 1
        return result

    trace, result = record(tmp_path, program, alerts=True, digests=False)
    assert notes(trace) == []
    assert result.tolist() == [1, 1, 1]


def test_ids_that_a_damaged_trace_makes_up_are_unknown(tmp_path: Path) -> None:
    from reproaudit.model.events import EventFlag, EventKind
    from tests.comparison.traces import Row, make_run

    run: Run = make_run(
        tmp_path, 0, [Row("aten::sum", kind=EventKind.ALERT, flags=EventFlag.RACED, inputs=10**9)]
    )
    (race,) = read_device_races(run.main)
    assert (race.other_op, race.other.line) == ("", 0)


def test_asking_until_the_work_is_done_counts_as_waiting(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, True]
    monkeypatch.setattr(torch.cuda.Stream, "query", lambda stream: answers.pop(0))

    class Default:
        cuda_stream = 0

    def program(asks: int) -> None:
        device.stream = 0
        x = torch.ones(4)
        for _ in range(asks):
            torch.cuda.Stream.query(Default())  # type: ignore[arg-type]
        device.stream = 7
        x.sum()

    assert races(tmp_path, lambda: program(2)) == ()
    answers[:] = [False]
    assert len(races(tmp_path, lambda: program(1))) == 1


def test_a_tensor_that_is_only_read_costs_no_memory_and_its_last_reads_are_still_known(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    forget = stream_races.StreamRaces.forget_reads

    def counting(self: Any, addresses: Any) -> None:
        forget(self, addresses)
        kept.extend(len(self.handler.tensors_accessed.get_reads(address)) for address in addresses)

    monkeypatch.setattr(stream_races.StreamRaces, "forget_reads", counting)

    def program() -> None:
        x = torch.ones(4)
        totals = [torch.zeros(()), torch.zeros(())]
        device.wait(event=1, waiting=7)
        for number in range(400):
            device.stream = 7 * (number % 2)
            torch.sum(x, 0, out=totals[number % 2])
        device.stream = 0
        x.zero_()

    (race,) = races(tmp_path, program)
    assert (race.op, race.other_op) == ("aten::sum.IntList_out", "aten::zero_.default")
    assert max(kept) <= 65
