"""Which finding a proven fix repairs, and what that makes certain of its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.comparison.judge import Judged
from reproaudit.diagnose.attribute import (
    correct_cause,
    drop_suspicion,
    make_finding_without_place,
    settle_finding,
    settle_kernel,
)
from reproaudit.diagnose.flag_runs import FlagRuns, sets_flag
from reproaudit.diagnose.pinning import FoundSource, Pinning
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.search import Search
from reproaudit.diagnose.shares import divide_fix, leave_out_parts
from reproaudit.diagnose.source_calls import SourcePlace
from reproaudit.diagnose.trials import Trials
from reproaudit.knowledge.interventions import FLAG, INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.result import Finding, Fix


@dataclass(frozen=True, slots=True)
class Row:
    """A finding, and the source that it is about; None if recording hid the source."""

    finding: Finding
    source: FoundSource | None = None


class Attribution:
    """Divides a proven fix among the findings.

    `left_out` are findings that the fix does not need, each with its place.
    """

    def __init__(
        self,
        judged: Judged,
        races: Sequence[DeviceRace],
        *,
        pinning: Pinning,
        search: Search,
        trials: Trials,
        flag: FlagRuns,
    ) -> None:
        self.left_out: list[tuple[Finding, SourcePlace]] = []
        self._judged = judged
        self._races = races
        self._pinning = pinning
        self._search = search
        self._trials = trials
        self._flag = flag

    def attribute(self, whole: tuple[str, ...] | None, *, is_smallest: bool) -> list[Row]:
        """Give each finding its part of the fix `whole`; None if there is no fix.

        What repairs a finding also decides a cause that was open. `is_smallest` is False while a
        smaller set may still do.
        """
        self._pinning.withdraw(self._search.trials, whole if is_smallest else None)
        known = list(self._pinning.known)
        rows: list[Row] = []
        self.left_out.clear()
        if whole is None:
            return [Row(settle_finding(one.explained), one) for one in known]
        if not known:
            return [self._make_row_without_place(whole, whole)]
        parts = divide_fix(whole, known)
        if not is_smallest and not any(parts):
            rows.append(self._make_row_without_place(whole, whole))
        for one, part in zip(known, parts, strict=True):
            finding = one.explained.finding
            if not is_smallest:
                # What stands in the fix may not be needed: it proves no suspicion.
                finding = drop_suspicion(one.explained)
            if not part and not is_smallest:
                rows.append(Row(settle_kernel(finding), one))
                continue
            finding = correct_cause(finding, part)
            if not part:
                self.left_out.append((finding, one.place))
                continue
            finding = settle_kernel(finding, part)
            fix = self._make_fix(part, whole, finding)
            rows.append(Row(replace(finding, fix=fix), one))
        if is_smallest:
            # Each of these is needed, so each has something to repair.
            for name in leave_out_parts(whole, parts):
                rows.append(self._make_row_without_place((name,), whole))
        return rows

    def _make_row_without_place(self, part: tuple[str, ...], whole: tuple[str, ...]) -> Row:
        runs = [known.pair.a for known in self._pinning.known]
        fix = self._make_fix(part, whole)
        finding = make_finding_without_place(self._judged, fix, runs, self._races)
        return Row(finding)

    def _make_fix(
        self, part: tuple[str, ...], whole: tuple[str, ...], finding: Finding | None = None
    ) -> Fix:
        """Return the proven fix as a finding shows its part of it."""
        # Where a part was not run alone, or was not enough, the runs of the whole fix prove it.
        proof = self._search.find_proof(part, whole)
        advice = finding.fix.advice if finding and finding.fix else ""
        return Fix(
            settings=part,
            advice=advice,
            verified=True,
            runs=proof.runs,
            slowdown=self._trials.measure_slowdown(proof.settings),
            plain_spread=self._trials.plain.measure_spread(),
            together=tuple(name for name in proof.settings if name not in part),
            flag=self._flag.use if FLAG in part and sets_flag(proof.settings) else None,
        )

    def is_complete(
        self, findings: Sequence[Finding], whole: tuple[str, ...] | None
    ) -> bool | None:
        """Return True if all sources are known, None if that was not looked into.

        `whole` is the smallest set that was proven, or None. They are if pinned runs were equal, or
        if the proven fix is for the findings alone. An intervention that repairs whatever races or
        reads undefined memory proves nothing of the kind.
        """
        if whole is None:
            # A brief look counts together with a proven repair alone.
            return None if self._pinning.is_brief else self._pinning.is_complete
        covered: set[str] = set()
        for finding in findings:
            fix = finding.fix
            if fix is not None and finding.location is not None:
                covered.update(fix.settings)
        if not covered.issuperset(whole):
            return False
        if self._pinning.is_complete is True:
            return True
        is_broad = any(INTERVENTIONS[name].is_broad for name in whole)
        return not is_broad


def find_kept_kernel(rows: Sequence[Row]) -> tuple[Finding, Path] | None:
    """Return the first kernel finding whose call is kept, and the folder of the call."""
    for row in rows:
        if row.source is None or row.source.call is None:
            continue
        if row.finding.cause is Cause.KERNEL:
            return row.finding, row.source.call
    return None
