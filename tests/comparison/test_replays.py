"""What the kept values of one op, and its repetitions, show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.comparison.elements import TensorBytes, TensorContent, content_bytes
from reproaudit.comparison.replays import capture_of, difference
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.runs import MAIN_PROCESS, Run, open_run
from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.words import ReplayWay
from reproaudit.trace.writer import TraceWriter
from tests.trace.sample import DONE, new_writer

LINE = Location("train.py", 3).code_line
MOMENT = Moment(Phase.FORWARD, 0)


def add_call(writer: TraceWriter, op: str = "mm", *, line: int = 3, kept: Sequence[int]) -> int:
    """Add a call that keeps one byte for each tensor number of `kept`: that number's last byte."""
    event = writer.append(
        EventKind.OP,
        at=Moment(Phase.FORWARD, 0, writer.location("train.py", line, "main")),
        name=writer.string(op),
        inputs=(1, 1),
        outputs=(2, 2),
    )
    for number in kept:
        assert writer.keep(event, number, "uint8", (1,), bytes([number % 256]))
    return event


def repeat(writer: TraceWriter, event: int, *, way: ReplayWay, differing: int) -> int:
    """Add a repetition whose kept output tells how many differed."""
    replay = writer.add_replay(
        at=MOMENT, op="mm", way=way, repeated=event, made=8, differing=differing
    )
    assert writer.keep(replay, 0, "uint8", (1,), bytes([differing]))
    return replay


def finish(writer: TraceWriter, folder: Path) -> Run:
    writer.close(DONE, 1)
    return open_run(folder, 0)


def contents(values: Sequence[TensorContent]) -> list[list[int]]:
    return [content_bytes(value).tolist() for value in values]


def test_the_call_that_was_repeated_is_preferred_to_an_earlier_one(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    add_call(writer, kept=[0])
    second = add_call(writer, kept=[0, 1, INPUTS_FROM])
    replay = repeat(writer, second, way=ReplayWay.PLAIN, differing=0)
    capture = capture_of(finish(writer, tmp_path), MAIN_PROCESS, "mm", LINE)
    assert capture is not None
    assert capture.event == second
    (repeated,) = capture.repeated
    assert (repeated.way, repeated.made, repeated.event) == (ReplayWay.PLAIN, 8, replay)


def test_inputs_that_were_kept_are_no_outputs(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    add_call(writer, kept=[0, 1, INPUTS_FROM])
    capture = capture_of(finish(writer, tmp_path), MAIN_PROCESS, "mm", LINE)
    assert capture is not None
    assert contents(capture.outputs()) == [[0], [1]]
    assert capture.others() == []


def test_others_are_those_of_the_first_plain_repetition_that_differed(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    event = add_call(writer, kept=[0])
    repeat(writer, event, way=ReplayWay.FLAG, differing=5)
    repeat(writer, event, way=ReplayWay.PLAIN, differing=0)
    repeat(writer, event, way=ReplayWay.PLAIN, differing=3)
    repeat(writer, event, way=ReplayWay.PLAIN, differing=4)
    capture = capture_of(finish(writer, tmp_path), MAIN_PROCESS, "mm", LINE)
    assert capture is not None
    assert contents(capture.others()) == [[3]]


def test_a_call_of_another_op_or_line_or_one_that_kept_nothing_is_no_capture(
    tmp_path: Path,
) -> None:
    writer = new_writer(tmp_path)
    add_call(writer, "bmm", kept=[0])
    add_call(writer, line=4, kept=[0])
    add_call(writer, kept=[])
    run = finish(writer, tmp_path)
    assert capture_of(run, MAIN_PROCESS, "mm", LINE) is None
    assert capture_of(run, MAIN_PROCESS, "bmm", LINE) is not None
    assert capture_of(run, "child-1", "bmm", LINE) is None


def test_the_difference_is_that_of_the_first_outputs_that_differ_and_have_one_shape() -> None:
    reshaped = TensorBytes("uint8", (2,), b"\x00\x00")
    equal, near = TensorBytes("uint8", (1,), b"\x01"), TensorBytes("uint8", (1,), b"\x05")
    found = difference([reshaped, equal, equal], [equal, equal, near])
    assert found is not None
    assert found.max_abs == 4
    assert difference([reshaped, equal], [equal, equal]) is None
