"""What is put together at the end: confidence, refused ops, warnings, what was not checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.diagnose.refusals import collect_alerts
from reproaudit.experiment.conclude import conclude, measure_confidence
from reproaudit.model.confidence import bound_rate, find_interval
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    Location,
    NotChecked,
    ProgramWarning,
    Unchecked,
)
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

NOTE = NotChecked(Unchecked.NOT_PROVEN, "something", "it was planted")
REFUSED = Row("aten::histc.default", kind=EventKind.ALERT, line=9, shown="not deterministic")


def conclude_runs(
    runs: Sequence[Run],
    *,
    notes: Sequence[NotChecked] = (),
    warnings: Sequence[ProgramWarning] = (),
    runs_made: int = 0,
) -> AuditResult:
    judged = judge(runs, compare_boundaries(runs, Interned()), {})
    return conclude(
        judged,
        (),
        (),
        notes=notes,
        settings=(),
        subject="train.py",
        next_commands=(),
        warnings=warnings,
        runs_made=runs_made,
    )


def make_runs(folder: Path, *contents: int) -> list[Run]:
    return [
        make_run(folder, index, [Row("weight", content, kind=EventKind.GRADIENT)])
        for index, content in enumerate(contents)
    ]


def test_equal_runs_bound_the_rate_of_divergence_and_estimate_none() -> None:
    found = measure_confidence([5], 0.95, is_equal=True)
    assert found.divergence_rate_at_most == bound_rate(0.95, 5)
    assert (found.divergence_rate, found.rate_interval) == (None, ())


def test_the_first_run_is_no_trial_of_the_rate_of_divergence() -> None:
    found = measure_confidence([3, 1, 1], 0.95, is_equal=False)
    assert found.divergence_rate == 2 / 4
    assert found.rate_interval == find_interval(0.95, 2, 4)
    assert found.divergence_rate_at_most is None


def test_one_class_that_does_not_count_as_equal_says_nothing_of_the_rate() -> None:
    found = measure_confidence([4], 0.95, is_equal=False)
    assert (found.divergence_rate, found.divergence_rate_at_most) == (None, None)


def test_a_refused_operator_is_counted_once_per_line(tmp_path: Path) -> None:
    elsewhere = Row("aten::histc.default", kind=EventKind.ALERT, line=4, shown="not deterministic")
    run = make_run(tmp_path, 0, [REFUSED, elsewhere, REFUSED])
    alerts = collect_alerts(run.main)
    assert [(alert.op, alert.count) for alert in alerts] == [("aten::histc", 2), ("aten::histc", 1)]
    assert alerts[0].location == Location("train.py", 9, "main")


def test_a_race_is_no_refused_operator(tmp_path: Path) -> None:
    race = Row("aten::sum.default", kind=EventKind.ALERT, flags=EventFlag.RACED, line=8)
    before = Row("aten::copy_.default", line=5)
    assert collect_alerts(make_run(tmp_path, 0, [before, race]).main) == ()


def test_the_headline_is_that_of_the_verdict(tmp_path: Path) -> None:
    equal = conclude_runs(make_runs(tmp_path / "equal", 1, 1))
    different = conclude_runs(make_runs(tmp_path / "different", 1, 2))
    assert equal.verdict is Verdict.REPRODUCIBLE
    assert different.verdict is Verdict.NOT_REPRODUCIBLE
    assert equal.headline
    assert different.headline != equal.headline


def test_what_two_runs_note_alike_is_said_once(tmp_path: Path) -> None:
    result = conclude_runs(make_runs(tmp_path, 1, 1), notes=[NOTE, NOTE])
    assert result.not_checked.count(NOTE) == 1


@pytest.mark.parametrize(("made", "expected"), [(0, 2), (7, 7)])
def test_the_runs_made_are_at_least_those_that_were_compared(
    tmp_path: Path, made: int, expected: int
) -> None:
    assert conclude_runs(make_runs(tmp_path, 1, 1), runs_made=made).runs_made == expected


def test_batches_that_differ_without_consequence_are_warned_of_before_all_else(
    tmp_path: Path,
) -> None:
    runs = [
        make_run(
            tmp_path,
            index,
            [
                Row("model.input", 10 + index, kind=EventKind.BATCH),
                Row("weight", 1, kind=EventKind.GRADIENT),
            ],
        )
        for index in (0, 1)
    ]
    other = ProgramWarning("planted")
    result = conclude_runs(runs, warnings=[other])
    assert result.verdict is Verdict.REPRODUCIBLE
    assert "without consequence" in result.warnings[0].message
    assert result.warnings[-1] == other
