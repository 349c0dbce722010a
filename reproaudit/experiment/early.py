"""The verdict before the end: told as soon as it stands, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.config.tolerance import Tolerance, Tolerances
from reproaudit.model.early import Tell, VerdictKnown
from reproaudit.model.verdict import Verdict
from reproaudit.trace.runs import Run


class EarlyVerdict:
    """Looks at the runs as they are made. Two that differ by more than is tolerated decide."""

    def __init__(
        self,
        tell: Tell,
        interned: Interned,
        tolerances: Tolerances | Mapping[str, Tolerance],
    ) -> None:
        self._tell = tell
        self._interned = interned
        self._tolerances = tolerances
        self._is_told = False

    def look(self, runs: Sequence[Run]) -> None:
        """Compare the last of the runs with the first, unless it is known that runs differ."""
        if self._is_told or len(runs) < 2:
            return
        pair = [runs[0], runs[-1]]
        compared = compare_boundaries(pair, self._interned)
        end_alike = pair[0].outcome == pair[1].outcome
        if len(compared.classes) < 2 and end_alike:
            return
        judged = judge(pair, compared, self._tolerances)
        if judged.verdict is Verdict.NOT_REPRODUCIBLE:
            self._say(judged, len(runs))

    def settle(self, judged: Judged) -> None:
        """Tell the verdict over all runs, unless it was told."""
        if not self._is_told and judged.verdict is not Verdict.NOT_AUDITED:
            self._say(judged, len(judged.runs))

    def _say(self, judged: Judged, runs: int) -> None:
        self._is_told = True
        steps = min(run.steps for run in judged.runs)
        self._tell(VerdictKnown(judged.verdict, runs, steps, judged.first))
