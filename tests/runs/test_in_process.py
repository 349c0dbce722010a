"""Repetitions within one process: how each ends, what is refused, and what is counted.

What records them is an imitation that writes an empty trace.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.budget import Budget, BudgetSpent
from reproaudit.runs.in_process import CurrentRepetition, InProcessLab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.writer import TraceWriter


class Returned:
    """Takes what the code returned, and forgets it."""

    def record_return(self, value: object) -> None:
        del value


@contextmanager
def record(plan: RunPlan) -> Iterator[CurrentRepetition]:
    writer = TraceWriter(
        plan.trace_dir,
        level=plan.level.value,
        subject=str(plan.subject),
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=0,
    )
    outcome = Outcome(OutcomeKind.COMPLETED, 0)
    try:
        yield Returned()
    except ValueError as error:
        outcome = Outcome(OutcomeKind.RAISED, 1, str(error))
        raise
    finally:
        writer.close(outcome, 0)


def make_lab(
    folder: Path, body: Callable[[CurrentRepetition], None], budget: Budget | None = None
) -> InProcessLab:
    subject = SubjectSpec(SubjectKind.ATTRIBUTE, folder, path="test_step.py", attribute="step")
    return InProcessLab(body, subject, folder, record=record, budget=budget or Budget())


def repeat(lab: InProcessLab, number: int, interventions: tuple[str, ...] = ()) -> Outcome:
    request = RunRequest(
        name=f"run-{number}", index=number, what="testing", interventions=interventions
    )
    return lab.run(request).outcome


def test_what_the_code_raises_goes_on_the_first_time_and_is_an_outcome_later(
    tmp_path: Path,
) -> None:
    faults = iter([ValueError("at first"), None, ValueError("later")])

    def body(current: CurrentRepetition) -> None:
        fault = next(faults)
        if fault is not None:
            raise fault

    lab = make_lab(tmp_path, body)
    with pytest.raises(ValueError, match="at first"):
        repeat(lab, 0)
    assert repeat(lab, 1) == Outcome(OutcomeKind.COMPLETED, 0)
    assert repeat(lab, 2) == Outcome(OutcomeKind.RAISED, 1, "later")
    assert lab.runs_made == 2
    assert list(lab.seconds) == ["run-1", "run-2"]


def test_a_repetition_that_imports_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(current: CurrentRepetition) -> None:
        monkeypatch.setitem(sys.modules, "imported_by_the_step", ModuleType("imported_by_the_step"))

    lab = make_lab(tmp_path, body)
    repeat(lab, 0)
    repeat(lab, 1)
    assert lab.importing == {"run-0"}


def test_what_only_a_fresh_process_can_change_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    def body(current: CurrentRepetition) -> None:
        raise AssertionError("it ran")

    lab = make_lab(tmp_path, body)
    assert not lab.can_try("files.fresh")
    assert lab.can_try("threads.one")
    with pytest.raises(SubjectError) as caught:
        repeat(lab, 0, interventions=("threads.one", "files.fresh"))
    assert caught.value.code == "needs-fresh-process"
    assert list(tmp_path.iterdir()) == []


def test_a_budget_counts_repetitions_from_where_it_starts(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, lambda current: None, Budget(runs=1))
    repeat(lab, 0)
    lab.start_budget()
    repeat(lab, 1)
    with pytest.raises(BudgetSpent):
        repeat(lab, 2)
