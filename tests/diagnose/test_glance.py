"""A first look: where runs differ and why, from evidence; nothing is tried. No program is run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.diagnose.diagnosis import Diagnosis
from reproaudit.diagnose.glance import glance
from reproaudit.model.cause import Cause
from reproaudit.model.early import CausesKnown, EarlyFact, SourceSeen
from reproaudit.model.events import Unchecked
from reproaudit.runs.budget import BudgetSpent, StoppedUnderWay
from reproaudit.runs.lab import Lab
from tests.diagnose.test_diagnosis import FakeLab, drawing_run


def look(
    folder: Path, error: BaseException, ends_at: int
) -> tuple[Diagnosis, list[EarlyFact], FakeLab]:
    told: list[EarlyFact] = []
    runs = [drawing_run(folder / "plain", index, 100 + index) for index in range(3)]
    lab = FakeLab(folder, error, ends_at)
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    found = glance(cast(Lab, lab), judged, interned=interned, tell=told.append)
    return found, told, lab


def test_the_operator_and_the_cause_are_named_and_no_repair_is_claimed(tmp_path: Path) -> None:
    found, told, lab = look(tmp_path, BudgetSpent(), ends_at=2)
    (finding,) = found.findings
    assert (finding.op, finding.cause) == ("aten::uniform_", Cause.UNSEEDED_RNG)
    # Nobody has looked whether the flag refuses it.
    assert finding.evidence.declared is None
    assert finding.fix is not None
    assert not finding.fix.verified
    assert (found.trials, found.is_complete, lab.made) == ((), None, 2)
    assert [note.code for note in found.notes] == [Unchecked.NOT_PROVEN]
    assert [type(fact) for fact in told] == [SourceSeen, CausesKnown]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BudgetSpent(), "its budget was spent; --budget raises it"),
        (
            StoppedUnderWay(),
            "its budget was spent, and the run under way was stopped; --budget raises it",
        ),
        (KeyboardInterrupt(), "it was interrupted"),
    ],
)
def test_a_look_that_ends_early_says_why(tmp_path: Path, error: BaseException, said: str) -> None:
    found, _, _ = look(tmp_path, error, ends_at=1)
    assert found.findings == ()
    assert [note.why for note in found.notes][1:] == [said]
    assert found.was_interrupted is isinstance(error, KeyboardInterrupt)
