"""When the verdict is told: with the first two runs that differ, else when all were compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.experiment.early import EarlyVerdict
from reproaudit.model.early import EarlyFact, VerdictKnown
from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from reproaudit.model.verdict import Verdict
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


def make_runs(folder: Path, contents: Sequence[int]) -> list[Run]:
    runs = []
    for index, content in enumerate(contents):
        row = Row("weight", content, kind=EventKind.GRADIENT)
        runs.append(make_run(folder, index, [row]))
    return runs


def tell_of(runs: Sequence[Run]) -> list[EarlyFact]:
    told: list[EarlyFact] = []
    interned = Interned()
    early = EarlyVerdict(told.append, interned, {})
    for number in range(1, len(runs) + 1):
        early.look(runs[:number])
    early.settle(judge(runs, compare_boundaries(runs, interned), {}))
    return told


def test_a_difference_is_told_once_with_the_first_run_that_shows_it(tmp_path: Path) -> None:
    (fact,) = tell_of(make_runs(tmp_path, [1, 1, 2, 3, 1]))
    assert isinstance(fact, VerdictKnown)
    assert (fact.verdict, fact.runs) == (Verdict.NOT_REPRODUCIBLE, 3)
    assert fact.first is not None
    assert fact.first.name == "weight"


def test_equal_runs_are_told_of_once_all_were_compared(tmp_path: Path) -> None:
    (fact,) = tell_of(make_runs(tmp_path, [1, 1, 1]))
    assert fact == VerdictKnown(Verdict.REPRODUCIBLE, 3, 1)


def test_runs_that_end_differently_differ(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, [1])
    row = Row("weight", 1, kind=EventKind.GRADIENT)
    runs.append(make_run(tmp_path, 1, [row], Outcome(OutcomeKind.EXITED, 3)))
    (fact,) = tell_of(runs)
    assert isinstance(fact, VerdictKnown)
    assert fact.verdict is Verdict.NOT_REPRODUCIBLE


def test_runs_that_failed_alike_have_no_verdict_to_tell(tmp_path: Path) -> None:
    row = Row("weight", 1, kind=EventKind.GRADIENT)
    failed = Outcome(OutcomeKind.EXITED, 3)
    assert tell_of([make_run(tmp_path, index, [row], failed) for index in range(3)]) == []
