"""How a diagnosis ends early: what was found by then is kept, and what was not tried is said. No
program is run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import judge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.errors import SubjectError
from reproaudit.model.events import EventFlag, EventKind, Phase
from reproaudit.model.result import Cause
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.compare.traces import Row, make_run


class FakeLab:
    """Gives runs as a program that draws without a seed leaves them; from run `ends_at` on raises
    `error`."""

    steps = 1
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("nowhere"), path="train.py")

    def __init__(self, folder: Path, error: BaseException, ends_at: int) -> None:
        self.folder, self.error, self.ends_at = folder, error, ends_at
        self.seconds: dict[str, float] = {}
        self.made = 0

    def start_budget(self) -> None:
        pass

    def can_try(self, name: str) -> bool:
        return True

    def run(self, request: RunRequest) -> Run:
        if self.made >= self.ends_at:
            raise self.error
        self.made += 1
        self.seconds[request.name] = 1.0
        return drawing_run(self.folder / str(self.made), request.index, self.made)


def drawing_run(folder: Path, index: int, content: int) -> Run:
    drawn = Row(
        "aten::uniform_", content, flags=EventFlag.RANDOM, aux=content, phase=Phase.DATA, line=3
    )
    return make_run(folder, index, [drawn, Row("weight", content, kind=EventKind.GRADIENT)])


def diagnosed(folder: Path, error: BaseException, ends_at: int) -> Diagnosis:
    runs = [drawing_run(folder / "plain", index, 100 + index) for index in range(5)]
    lab = FakeLab(folder, error, ends_at)
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    return Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "it was interrupted"),
        (BudgetSpent(), "its budget was spent"),
        (
            SubjectError("train.py did not end within 60 s", code="subject-timeout"),
            "did not end within 60 s",
        ),
    ],
)
def test_a_diagnosis_that_ends_early_keeps_its_findings_and_says_why(
    tmp_path: Path, error: BaseException, said: str
) -> None:
    diagnosis = diagnosed(tmp_path, error, ends_at=2)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.op) == (Cause.UNSEEDED_RNG, "aten::uniform_")
    assert finding.fix is not None
    assert not finding.fix.verified
    assert any(said in note.why for note in diagnosis.notes) or any(
        said in trial.note for trial in diagnosis.trials
    )


def test_what_was_not_tried_is_said(tmp_path: Path) -> None:
    notes = " ".join(note.why for note in diagnosed(tmp_path, BudgetSpent(), ends_at=4).notes)
    assert "not tried: " in notes
    assert "hash.seed" in notes


def test_without_any_run_nothing_is_claimed(tmp_path: Path) -> None:
    diagnosis = diagnosed(tmp_path, BudgetSpent(), ends_at=0)
    assert (diagnosis.findings, diagnosis.trials, diagnosis.is_complete) == ((), (), None)
