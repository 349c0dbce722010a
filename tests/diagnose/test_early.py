"""What a diagnosis tells before its end, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.diagnose.diagnosis import Diagnostician
from reproaudit.model.cause import Cause
from reproaudit.model.early import EarlyFact, SourceSeen, TrialMade
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.lab import Lab
from tests.diagnose.test_diagnosis import FakeLab, drawing_run


def test_the_source_is_told_as_soon_as_two_recorded_runs_differ(tmp_path: Path) -> None:
    told: list[EarlyFact] = []
    runs = [drawing_run(tmp_path / "plain", index, 100 + index) for index in range(5)]
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    lab = FakeLab(tmp_path, BudgetSpent(), ends_at=8)
    Diagnostician(cast(Lab, lab), judged, (), interned=interned, tell=told.append).run()
    seen = told[0]
    assert isinstance(seen, SourceSeen)
    assert (seen.finding.op, seen.end_step) == ("aten::uniform_", 1)
    assert seen.finding.cause is Cause.UNSEEDED_RNG
    assert [type(fact) for fact in told].count(SourceSeen) == 1
    # Every trial is told of, be it a proof or not: what is worth saying the renderer decides.
    assert any(isinstance(fact, TrialMade) for fact in told)
