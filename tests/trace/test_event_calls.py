"""Each typed call of the writer is read back as the view of its kind, with equal facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reproaudit.model.events import EventFlag, EventKind, LibraryCall, Location, Phase
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Event, SavedEvent
from reproaudit.trace.words import Access, LoaderUse, ReplayWay, WorkerMoment
from reproaudit.trace.writer import TraceWriter
from tests.trace.sample import DONE, new_writer

LOW_HIGH = (2**64 - 1, 5)
LINE_3 = Location("train.py", 3, "main")


@dataclass(frozen=True)
class Written:
    writer: TraceWriter
    at: Moment


def read_back(folder: Path, write: Callable[[Written], int]) -> tuple[Trace, int]:
    writer = new_writer(folder)
    place = writer.location(LINE_3.path, LINE_3.line, LINE_3.function)
    number = write(Written(writer, Moment(Phase.BACKWARD, 4, place, writer.thread("other"))))
    writer.close(DONE, 5)
    return Trace.open(folder), number


def test_every_call_keeps_when_and_where(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_stream_state(at=to.at, stream="python", state=LOW_HIGH)

    trace, number = read_back(tmp_path, write)
    event: Event = trace.event(number)
    assert (event.phase, event.step, event.thread) == (Phase.BACKWARD, 4, 1)
    assert event.location == LINE_3
    (state,) = trace.stream_states()
    assert (state.stream, state.state) == ("python", LOW_HIGH)


def test_a_tensor_has_its_description_digest_and_flags(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_tensor(
            EventKind.GRADIENT,
            at=to.at,
            name="layer.weight",
            tensor="float32[8, 3]",
            digest=LOW_HIGH,
            flags=EventFlag.UNDIGESTED,
        )

    trace, number = read_back(tmp_path, write)
    tensor = trace.tensor(number)
    assert (tensor.kind, tensor.name) == (EventKind.GRADIENT, "layer.weight")
    assert (tensor.tensor, tensor.digest) == ("float32[8, 3]", LOW_HIGH)
    assert tensor.flags == EventFlag.UNDIGESTED


def test_a_saved_tensor_knows_its_file_and_its_save(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_tensor(
            EventKind.SAVED,
            at=to.at,
            name="best.pt: w",
            tensor="float32[3]",
            digest=LOW_HIGH,
            saved=(2, 5),
        )

    trace, number = read_back(tmp_path, write)
    saved = trace.tensor(number)
    assert isinstance(saved, SavedEvent)
    assert (saved.file, saved.save, saved.digest) == (2, 5, LOW_HIGH)


def test_an_epoch_has_its_loader_and_iterator(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_epoch(
            at=to.at, stream="torch.cpu", state=LOW_HIGH, use=LoaderUse.ORDER, iteration=(2, 3)
        )

    trace, _ = read_back(tmp_path, write)
    (epoch,) = trace.epochs()
    assert (epoch.stream, epoch.state, epoch.use) == ("torch.cpu", LOW_HIGH, LoaderUse.ORDER)
    assert (epoch.loader, epoch.iterator) == (2, 3)


def test_a_worker_has_its_number_and_moment(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_worker_state(
            at=to.at,
            stream="numpy",
            state=LOW_HIGH,
            use=LoaderUse.MAP,
            iteration=(2, 3),
            worker=6,
            moment=WorkerMoment.LATER,
            batches=9,
        )

    trace, _ = read_back(tmp_path, write)
    (worker,) = trace.worker_states()
    assert (worker.stream, worker.state, worker.use) == ("numpy", LOW_HIGH, LoaderUse.MAP)
    assert (worker.loader, worker.iterator, worker.worker) == (2, 3, 6)
    assert (worker.moment, worker.batches) == (WorkerMoment.LATER, 9)


def test_a_late_seed_has_its_stream(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_late_seed(at=to.at, stream="torch.cpu", state=LOW_HIGH)

    trace, _ = read_back(tmp_path, write)
    (seed,) = trace.late_seeds()
    assert (seed.stream, seed.state) == ("torch.cpu", LOW_HIGH)


def test_an_alert_has_its_op_module_and_message(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        module = to.writer.string("layers.1")
        return to.writer.add_alert(at=to.at, op="aten::put_", module=module, message="no way")

    trace, _ = read_back(tmp_path, write)
    (alert,) = trace.alerts()
    assert (alert.op, alert.module, alert.message) == ("aten::put_", "layers.1", "no way")
    assert list(trace.races()) == []


def test_a_race_has_both_of_its_uses(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        writer = to.writer
        return writer.add_race(
            at=to.at,
            op=writer.string("aten::add_"),
            module=writer.string("layers.1"),
            message="writes what is read by",
            other_op=writer.string("aten::mm"),
            other_location=writer.location("model.py", 7, "forward"),
            is_with_host=True,
        )

    trace, _ = read_back(tmp_path, write)
    (race,) = trace.races()
    assert (race.op, race.module, race.location) == ("aten::add_", "layers.1", LINE_3)
    assert (race.message, race.is_with_host) == ("writes what is read by", True)
    assert race.other.op == "aten::mm"
    assert race.other.location == Location("model.py", 7, "forward")
    assert list(trace.alerts()) == []


def test_an_entropy_call_has_its_state_value_and_text(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_entropy(
            at=to.at, call="time.time", state=(1, 2), value=LOW_HIGH, shown="17.5"
        )

    trace, _ = read_back(tmp_path, write)
    (call,) = trace.entropy_calls()
    assert (call.call, call.state, call.value) == ("time.time", (1, 2), LOW_HIGH)
    assert call.shown == "17.5"


@pytest.mark.parametrize(
    "below", [LibraryCall("lib.sample"), LibraryCall("lib.Sampler.sample", "Sampler", "seed")]
)
def test_an_entropy_call_may_lie_below_a_call_of_a_library(
    tmp_path: Path, below: LibraryCall
) -> None:
    def write(to: Written) -> int:
        return to.writer.add_entropy(
            at=to.at, call="os.urandom", state=(0, 0), value=(1, 0), shown="", below=below
        )

    trace, _ = read_back(tmp_path, write)
    (call,) = trace.entropy_calls()
    assert call.below == below


def test_a_file_has_both_of_its_paths(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_file(
            at=to.at, shown="state", path="/srv/state", access=Access.APPEND, content=LOW_HIGH
        )

    trace, _ = read_back(tmp_path, write)
    (file,) = trace.files()
    assert (file.shown, file.path) == ("state", "/srv/state")
    assert (file.access, file.content) == (Access.APPEND, LOW_HIGH)


def test_a_line_has_what_it_read_and_what_it_made(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        flags = EventFlag.UNDEFINED
        return to.writer.add_line(
            at=to.at,
            name="x",
            inputs=(1, 2),
            outputs=LOW_HIGH,
            flags=int(flags),
            shown="'cat'",
        )

    trace, _ = read_back(tmp_path, write)
    (line,) = trace.lines()
    assert (line.name, line.inputs, line.outputs) == ("x", (1, 2), LOW_HIGH)
    assert line.flags == EventFlag.UNDEFINED
    assert line.shown == "'cat'"


def test_a_replay_has_its_op_and_its_counts(tmp_path: Path) -> None:
    def write(to: Written) -> int:
        return to.writer.add_replay(
            at=to.at, op="aten::mm", way=ReplayWay.FLAG, repeated=11, made=8, differing=3
        )

    trace, _ = read_back(tmp_path, write)
    (replay,) = trace.replays()
    assert (replay.op, replay.way, replay.repeated) == ("aten::mm", ReplayWay.FLAG, 11)
    assert (replay.made, replay.differing) == (8, 3)
