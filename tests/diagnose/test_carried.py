"""Order effects: first runs that stand apart are told from changes that repair. No program is
run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Phase, Unchecked
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

FRESH = "files.fresh"


class FakeLab:
    """Gives plain runs with the next of `plain`, the last one for ever; changed ones by `changed`.

    A run whose content is 0 draws once more than others. With `can_copy` False no run can be given
    files of its own.
    """

    steps = 1
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("nowhere"), path="train.py")

    def __init__(
        self,
        folder: Path,
        plain: Sequence[int],
        changed: Callable[[tuple[str, ...]], int],
        *,
        runs: int = 200,
        can_copy: bool = True,
    ) -> None:
        self.folder, self.plain, self.changed, self.left = folder, list(plain), changed, runs
        self.can_copy = can_copy
        self.seconds: dict[str, float] = {}
        self.names: list[str] = []

    def start_budget(self) -> None:
        pass

    def can_try(self, name: str) -> bool:
        return self.can_copy or name != FRESH

    def run(self, request: RunRequest) -> Run:
        if not self.left:
            raise BudgetSpent
        self.left -= 1
        self.names.append(request.name)
        self.seconds[request.name] = 1.0
        content = self.changed(request.interventions)
        if not request.interventions:
            content = self.plain.pop(0) if len(self.plain) > 1 else self.plain[0]
        return training_run(self.folder / str(len(self.names)), request.index, content)


def training_run(folder: Path, index: int, content: int) -> Run:
    rows = [Row("weight", content, kind=EventKind.GRADIENT)]
    if content == 0:
        drawn = Row("aten::uniform_", 5, flags=EventFlag.RANDOM, aux=5, phase=Phase.DATA, line=14)
        rows.insert(0, drawn)
    return make_run(folder, index, rows)


def diagnose(lab: FakeLab, observed: Sequence[int]) -> Diagnosis:
    runs = [
        training_run(lab.folder / f"observed-{index}", index, content)
        for index, content in enumerate(observed)
    ]
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    return Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()


def test_a_first_run_that_fresh_files_bring_back_is_carried_state_with_its_line(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, [7], lambda names: 0 if names == (FRESH,) else 7)
    diagnosis = diagnose(lab, [0, 7, 7, 7, 7])
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.op) == (Cause.CARRIED_STATE, "aten::uniform_")
    assert finding.location is not None
    assert finding.location.line == 14
    assert finding.fix is not None
    assert (finding.fix.settings, finding.fix.verified, finding.fix.runs) == ((FRESH,), True, 3)
    (trial,) = diagnosis.trials
    assert (trial.settings, trial.is_proof) == ((FRESH,), True)
    # Nothing else was tried, and no operator is said to be hidden by recording.
    assert len(lab.names) == 4
    assert diagnosis.notes == ()


@pytest.mark.parametrize("can_copy", [True, False])
def test_a_first_run_that_nothing_brings_back_is_carried_state_and_nothing_repairs_it(
    tmp_path: Path, can_copy: bool
) -> None:
    lab = FakeLab(tmp_path, [7], lambda names: 7, can_copy=can_copy)
    diagnosis = diagnose(lab, [0, 7, 7, 7, 7])
    (finding,) = diagnosis.findings
    assert finding.cause is Cause.CARRIED_STATE
    assert finding.fix is not None
    assert not finding.fix.verified
    notes = " ".join(finding.evidence.notes)
    assert "only the first run differs: 10 later runs" in notes
    assert ("caches in the home folder" in notes) is can_copy
    assert diagnosis.trials == ()


def test_a_first_run_that_stood_apart_by_chance_is_diagnosed_like_others(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, [7, 8] * 60, lambda names: 7)
    diagnosis = diagnose(lab, [0, 7, 7, 7, 7])
    assert all(finding.cause is not Cause.CARRIED_STATE for finding in diagnosis.findings)
    assert any(name.startswith("operations-") for name in lab.names)


def test_a_program_that_differs_only_at_first_is_not_repaired_by_what_was_tried_later(
    tmp_path: Path,
) -> None:
    # All five differ, and from the seventh plain run on nothing does.
    lab = FakeLab(tmp_path, [6, 7], lambda names: 7, can_copy=False)
    diagnosis = diagnose(lab, [1, 2, 3, 4, 5])
    (finding,) = diagnosis.findings
    assert finding.cause is Cause.CARRIED_STATE
    assert finding.fix is not None
    assert not finding.fix.verified
    assert not any(trial.is_proof for trial in diagnosis.trials)


def test_a_difference_that_did_not_come_again_proves_nothing_and_that_is_said(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, [7], lambda names: 7)
    diagnosis = diagnose(lab, [7, 8, 7, 7, 7])
    assert not any(trial.is_proof for trial in diagnosis.trials)
    for finding in diagnosis.findings:
        assert finding.cause is not Cause.CARRIED_STATE
        assert finding.fix is None or not finding.fix.verified
    (note,) = [note for note in diagnosis.notes if note.code is Unchecked.NOT_PROVEN]
    assert "the difference was not seen again: 10 runs" in note.why
    assert not any("recording hides" in note.why for note in diagnosis.notes)


def test_a_result_that_comes_back_after_another_one_is_chance_and_not_carried(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, [4], lambda names: 4)
    diagnosis = diagnose(lab, [1, 2, 1, 1, 1])
    assert all(finding.cause is not Cause.CARRIED_STATE for finding in diagnosis.findings)
    assert any("was not seen again" in note.why for note in diagnosis.notes)


def test_later_runs_that_differ_by_how_they_are_recorded_show_no_carried_state(
    tmp_path: Path,
) -> None:
    class Sensitive(FakeLab):
        def run(self, request: RunRequest) -> Run:
            run = super().run(request)
            if request.values_mb == 0:
                return run
            return training_run(self.folder / f"{request.name}-kept", request.index, 1)

    lab = Sensitive(tmp_path, [4], lambda names: 4, can_copy=False)
    diagnosis = diagnose(lab, [1, 2, 3, 5, 6])
    assert "again-0" in lab.names
    assert all(finding.cause is not Cause.CARRIED_STATE for finding in diagnosis.findings)
