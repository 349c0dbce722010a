"""What threads write in place, and what follows for an op that makes something else of the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.sources import Explanation, add_replay_evidence, explain_sources
from reproaudit.diagnose.thread_writes import find_other_writer
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag
from tests.comparison.traces import Row, make_run

FIRST = Row("aten::add_.Tensor", 2, 1, line=4, thread=1)
# Given what it was given in the other run, and yet it made something else.
SECOND = Row("aten::add_.Tensor", 3, 2, line=4, thread=2, flags=EventFlag.OUTSIDE_WRITE, aux=0)
LATER = Row("aten::add_.Tensor", 9, 8, line=4, thread=2)


def explain(tmp_path: Path, row: Row) -> Explanation:
    """Explain two runs in which the last op, given the same, makes another thing."""
    runs = []
    for number, made in enumerate((row, replace(row, outputs=99))):
        runs.append(make_run(tmp_path, number, [FIRST, SECOND, made]))
    a, b = runs
    (found,) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    return found


def test_an_op_in_place_on_what_another_thread_writes_in_place_races(tmp_path: Path) -> None:
    found = explain(tmp_path, LATER)
    assert (found.finding.cause, found.finding.op) == (Cause.THREAD_RACE, "aten::add_.Tensor")
    (note,) = found.finding.evidence.notes
    assert note.startswith("another thread writes the same tensor in place: aten::add_.Tensor")


def test_an_op_of_a_thread_that_reads_what_another_writes_in_place_races(tmp_path: Path) -> None:
    reads = Row("aten::mm", 3, 2, line=6, thread=2, flags=EventFlag.OUTSIDE_WRITE, aux=0)
    later = replace(reads, inputs=8, flags=EventFlag(0), aux=0)
    runs = [
        make_run(tmp_path, number, [FIRST, reads, replace(later, outputs=made)])
        for number, made in enumerate((9, 99))
    ]
    a, b = runs
    (found,) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert (found.finding.cause, found.finding.op) == (Cause.THREAD_RACE, "aten::mm")
    # The main thread may have been handed what it reads.
    on_main = make_run(tmp_path, 2, [FIRST, replace(reads, thread=0)]).main
    assert find_other_writer(on_main, on_main.op(1)) is None


@pytest.mark.parametrize("other", [{"name": "aten::mm"}, {"line": 5}])
def test_an_op_that_writes_nothing_of_another_thread_is_a_kernel(
    tmp_path: Path, other: dict[str, str]
) -> None:
    assert explain(tmp_path, replace(LATER, **other)).finding.cause is Cause.KERNEL


def test_repetitions_that_differ_show_a_kernel_where_threads_only_take_turns(
    tmp_path: Path,
) -> None:
    found = explain(tmp_path, LATER)
    replayed = EventFlag.REPLAYED
    assert add_replay_evidence(found, replayed).cause is Cause.THREAD_RACE
    kernel = add_replay_evidence(found, replayed | EventFlag.REPLAY_DIFFERED)
    assert kernel.cause is Cause.KERNEL
    assert kernel.evidence.replayed
    # A race of streams is told otherwise, and an op may be to blame as well.
    of_streams = replace(found, named=("streams.serial",))
    assert add_replay_evidence(of_streams, EventFlag.REPLAY_DIFFERED).cause is Cause.THREAD_RACE


def test_a_kernel_whose_inputs_were_written_while_it_ran_is_a_race(tmp_path: Path) -> None:
    found = explain(tmp_path, replace(LATER, name="aten::mm"))
    assert add_replay_evidence(found, EventFlag.RACED).cause is Cause.THREAD_RACE


def test_an_event_that_the_trace_does_not_have_is_no_writer(tmp_path: Path) -> None:
    stray = replace(SECOND, aux=1000)
    trace = make_run(tmp_path, 0, [FIRST, stray]).main
    assert find_other_writer(trace, trace.op(1)) is None
