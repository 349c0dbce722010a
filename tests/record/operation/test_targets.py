"""The values level: what is kept of the ops that were asked for, and what repeating them shows."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from reproaudit.config.plan import Target
from reproaudit.model.events import EventFlag, Level
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent
from tests.record.recording import operations, record


def taken(folder: Path, program: object, target: Target) -> tuple[Trace, OpEvent]:
    """Record `program` at the values level and return the trace and the target's event."""
    changes = {"targets": (target,), "values_mb": 1}
    trace, _ = record(folder, program, Level.VALUES, **changes)  # type: ignore[arg-type]
    (kept,) = trace.operations(EventFlag.KEPT)
    return trace, kept


def op_of(folder: Path, program: object, name: str, occurrence: int = 0) -> Target:
    """Return the target that names an op of `program`, as a comparison would."""
    trace, _ = record(folder, program)  # type: ignore[arg-type]
    op = operations(trace, name)[0]
    return Target(
        name=op.name,
        location_path=op.location.path,
        location_line=op.location.line,
        phase=int(op.phase),
        step=op.step,
        occurrence=occurrence,
    )


def test_outputs_and_inputs_of_the_chosen_occurrence_are_kept(tmp_path: Path) -> None:
    def program() -> None:
        for number in range(3):
            torch.full((2,), float(number)).add(1.0)

    trace, op = taken(tmp_path, program, op_of(tmp_path, program, "aten::add", occurrence=2))
    kept = {
        value.number: np.frombuffer(value.data, dtype=np.float32).tolist()
        for value in trace.values(op.number)
    }
    assert kept == {0: [3.0, 3.0], 1000: [2.0, 2.0]}


def test_an_input_that_the_op_overwrites_is_kept_as_it_was(tmp_path: Path) -> None:
    def program() -> None:
        torch.ones(2).add_(1.0)

    trace, op = taken(tmp_path, program, op_of(tmp_path, program, "aten::add_"))
    kept = {
        value.number: np.frombuffer(value.data, dtype=np.float32).tolist()
        for value in trace.values(op.number)
    }
    assert kept == {0: [2.0, 2.0], 1000: [1.0, 1.0]}
    assert op.flags & EventFlag.REPLAYED
    assert not op.flags & (EventFlag.REPLAY_DIFFERED | EventFlag.RACED)


def test_an_op_that_repeats_itself_is_marked_as_replayed_and_equal(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        return torch.arange(6.0).cumsum(0)

    _, op = taken(tmp_path, program, op_of(tmp_path, program, "aten::cumsum"))
    assert op.flags & EventFlag.REPLAYED
    assert not op.flags & EventFlag.REPLAY_DIFFERED


def test_an_op_that_does_not_repeat_itself_is_marked(tmp_path: Path) -> None:
    library = torch.library.Library("reproaudit_test", "DEF")
    count = iter(range(1000))
    library.define("counter(Tensor x) -> Tensor")
    library.impl("counter", lambda x: x + float(next(count)), "CPU")

    def program() -> torch.Tensor:
        return torch.ops.reproaudit_test.counter(torch.ones(2))  # type: ignore[no-any-return]

    try:
        _, op = taken(tmp_path, program, op_of(tmp_path, program, "reproaudit_test::counter"))
    finally:
        library._destroy()
    assert op.flags & EventFlag.REPLAY_DIFFERED


def test_an_input_that_another_thread_changes_meanwhile_is_no_fault_of_the_op(
    tmp_path: Path,
) -> None:
    array = np.zeros(4, dtype=np.float32)
    started, go_on = threading.Event(), threading.Event()
    library = torch.library.Library("reproaudit_race", "DEF")

    def slow_sum(x: torch.Tensor) -> torch.Tensor:
        started.set()
        go_on.wait(5)
        return x.sum()

    def write() -> None:
        started.wait(5)
        array[:] = 7.0
        go_on.set()

    library.define("slow_sum(Tensor x) -> Tensor")
    library.impl("slow_sum", slow_sum, "CPU")

    def program() -> None:
        started.clear()
        go_on.clear()
        array[:] = 0.0
        shared = torch.from_numpy(array)
        writer = threading.Thread(target=write)
        writer.start()
        torch.ops.reproaudit_race.slow_sum(shared)
        writer.join()

    try:
        _, op = taken(tmp_path, program, op_of(tmp_path, program, "reproaudit_race::slow_sum"))
    finally:
        library._destroy()
    assert op.flags & EventFlag.RACED
    assert not op.flags & EventFlag.REPLAYED


@pytest.mark.parametrize("has_thread", [True, False])
def test_an_op_that_made_once_what_it_never_makes_again_was_overwritten_if_threads_could(
    tmp_path: Path, has_thread: bool
) -> None:
    library = torch.library.Library("reproaudit_once", "DEF")
    # What another thread adds in the first recording, and in the call of the second; then nothing.
    others = iter((0.0, 1.0))

    def add_one(x: torch.Tensor) -> torch.Tensor:
        return x.add_(1.0 + next(others, 0.0))

    library.define("add_one(Tensor(a!) x) -> Tensor(a!)")
    library.impl("add_one", add_one, "CPU")

    def program() -> None:
        if has_thread:
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
        torch.ops.reproaudit_once.add_one(torch.zeros(2))

    try:
        target = op_of(tmp_path, program, "reproaudit_once::add_one")
        _, op = taken(tmp_path, program, target)
    finally:
        library._destroy()
    assert (EventFlag.RACED in op.flags) == has_thread
    assert (EventFlag.REPLAY_DIFFERED in op.flags) != has_thread


def test_a_target_names_the_line_of_the_program(tmp_path: Path) -> None:
    target = op_of(tmp_path, lambda: torch.ones(2).exp(), "aten::exp")  # here
    assert target.location_path == Path(__file__).name
    assert Path(__file__).read_text().splitlines()[target.location_line - 1].endswith("# here")
