"""How many runs a trial makes, and what it concludes from them. The lab is a stand-in: no program
is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.diagnose.trials import Trials
from reproaudit.errors import SubjectError
from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

DISTINCT = (1, 1, 1, 1, 1)
RARE = (27, 3)


class FakeLab:
    """Gives runs whose gradient is `content(number of the run)`, in 2 s or, if changed, 3 s.

    That of a plain run is `plain(its number)`.
    """

    def __init__(
        self,
        folder: Path,
        content: Callable[[int], int],
        runs: int = 1000,
        outcome: Outcome | None = None,
        plain: Callable[[int], int] = lambda number: number,
    ):
        self.folder, self.content, self.left, self.outcome = folder, content, runs, outcome
        self.plain = plain
        self.seconds: dict[str, float] = {}
        self.made: list[tuple[str, ...]] = []

    def run(self, request: RunRequest) -> Run:
        if self.left == 0:
            raise BudgetSpent
        self.left -= 1
        self.seconds[request.name] = 3.0 if request.interventions else 2.0
        self.made.append(request.interventions)
        number = changed(self) - 1
        content = self.content(number)
        if not request.interventions:
            content = self.plain(len(self.made) - changed(self) - 1)
        rows = [Row("weight", content, kind=EventKind.GRADIENT)]
        return make_run(self.folder / str(len(self.made)), request.index, rows, self.outcome)


def trials(lab: FakeLab, sizes: tuple[int, ...] = DISTINCT) -> Trials:
    interned = Interned()
    plain = PlainRuns(cast(Lab, lab), (), sizes, interned=interned)
    return Trials(cast(Lab, lab), plain, interned=interned)


def changed(lab: FakeLab) -> int:
    return sum(bool(made) for made in lab.made)


def test_equal_runs_are_enough_only_when_a_chance_agreement_is_improbable(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7)
    trial = trials(lab).attempt(("hash.seed",))
    assert (trial.is_equal, trial.runs) == (True, 3)


def test_a_rare_divergence_needs_many_more_runs_before_a_fix_is_claimed(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7)
    trial = trials(lab, RARE).attempt(("hash.seed",))
    assert trial.is_equal
    assert trial.runs > 20


def test_the_first_difference_ends_a_trial(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: number)
    trial = trials(lab).attempt(("hash.seed",))
    assert (trial.is_equal, trial.runs, changed(lab)) == (False, 2, 2)


def test_a_difference_in_the_last_run_still_counts(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: int(number == 2))
    assert trials(lab).attempt(("hash.seed",)).is_equal is False


def test_a_budget_that_ends_early_claims_nothing_and_says_how_far_it_came(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7, runs=8)
    trial = trials(lab, RARE).attempt(("hash.seed",))
    assert trial.is_equal is False
    assert "the budget ended after 5 of" in trial.note


def test_a_budget_without_room_for_a_pair_ends_the_search(tmp_path: Path) -> None:
    with pytest.raises(BudgetSpent):
        trials(FakeLab(tmp_path, lambda number: 7, runs=1)).attempt(("hash.seed",))


def test_a_program_that_fails_alike_each_time_is_not_repaired(tmp_path: Path) -> None:
    lab = FakeLab(
        tmp_path, lambda number: 7, outcome=Outcome(OutcomeKind.RAISED, 1, "ValueError: no")
    )
    trial = trials(lab).attempt(("hash.seed",))
    assert trial.is_equal is False
    assert "ValueError: no" in trial.note


def test_a_program_that_hangs_under_an_intervention_is_not_repaired(tmp_path: Path) -> None:
    class Hanging(FakeLab):
        def run(self, request: RunRequest) -> Run:
            raise SubjectError("train.py did not end within 60 s", code="subject-timeout")

    trial = trials(Hanging(tmp_path, lambda number: 7)).attempt(("clock.fixed",))
    assert (trial.is_equal, trial.note) == (False, "train.py did not end within 60 s")


def test_the_cost_is_the_median_of_paired_run_times(tmp_path: Path) -> None:
    tried = trials(FakeLab(tmp_path, lambda number: 7))
    tried.attempt(("hash.seed",))
    assert tried.measure_slowdown(("hash.seed",)) == 1.5
    assert tried.measure_slowdown(("clock.fixed",)) is None
    assert tried.plain.measure_spread() == 1.0


def test_plain_runs_for_the_cost_are_made_three_times_in_all(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: number)
    tried = trials(lab)
    for name in ("hash.seed", "clock.fixed", "seed.torch", "seed.numpy"):
        tried.attempt((name,))
    assert lab.made.count(()) == 3


def test_a_fix_is_proven_where_plain_runs_made_since_its_trial_began_differ(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7)
    tried = trials(lab)
    first = tried.attempt(("hash.seed",))
    assert (first.plain_differ, first.is_proof, lab.made.count(())) == (True, True, 3)
    # Plain runs of before say nothing about now.
    assert tried.attempt(("clock.fixed",)).is_proof
    assert lab.made.count(()) == 5


def test_nothing_is_proven_where_plain_runs_have_become_equal_too(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7, plain=lambda number: 7)
    trial = trials(lab, (1, 4)).attempt(("hash.seed",))
    assert (trial.is_equal, trial.plain_differ, trial.is_proof) == (True, False, False)
    # As many plain runs as the trial has: fewer could agree by chance.
    assert lab.made.count(()) == trial.runs == 10


def test_equal_plain_runs_prove_nothing_though_they_differ_from_those_of_the_trial(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, lambda number: 7, plain=lambda number: 8)
    assert not trials(lab).attempt(("seed.torch",)).is_proof


def test_a_budget_that_ends_before_the_control_proves_nothing_and_says_so(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: 7, runs=33, plain=lambda number: 7)
    trial = trials(lab, RARE).attempt(("hash.seed",))
    assert (trial.is_equal, trial.plain_differ, trial.is_proof) == (True, None, False)
    assert "the budget ended before plain runs were compared" in trial.note


def test_each_further_run_of_a_trial_is_over_once_it_differs_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = Row("loss", 5, kind=EventKind.OUTPUT)
    runs = [
        make_run(tmp_path, number, [Row("w", gradient, kind=EventKind.GRADIENT), loss])
        for number, gradient in enumerate((7, 7, 8))
    ]
    asked: list[RunRequest] = []
    lab = FakeLab(tmp_path, lambda number: 7)

    def run(request: RunRequest) -> Run:
        lab.seconds[request.name] = 1.0
        if not request.interventions:
            return runs[0]
        asked.append(request)
        return runs[request.index]

    monkeypatch.setattr(lab, "run", run)
    assert trials(lab).attempt(("hash.seed",)).is_equal is False
    said = [None if one.is_over is None else one.is_over(tmp_path / "run-2") for one in asked]
    assert said == [None, True, True]
    assert asked[1].is_over is not None
    assert not asked[1].is_over(tmp_path / "run-1")
