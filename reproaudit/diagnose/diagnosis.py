"""Why runs differ and what repairs it.

Locate, pin until nothing else differs, search a fix, and say which finding it fixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.entropy import weak_lines
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged
from reproaudit.compare.lines import differing_lines, first_entry
from reproaudit.diagnose.attribute import (
    add_patch,
    correct_cause,
    could_be_repaired_by,
    drop_clock_suspicion,
    is_repaired_by,
    lacks_exact_line,
    make_finding_without_place,
)
from reproaudit.diagnose.candidates import list_combinable, rank_unions
from reproaudit.diagnose.locate import Locator, RunPair
from reproaudit.diagnose.pinning import FoundSource, Pinning
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.search import Search
from reproaudit.diagnose.trials import Trials
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import (
    FILL_VARIABLE,
    INTERVENTIONS,
    OTHER_FILL,
    ZERO_FILL,
)
from reproaudit.model.events import (
    EventFlag,
    Location,
    NotChecked,
    ProgramWarning,
    Unchecked,
)
from reproaudit.model.result import Alert, Cause, Finding, Fix, Trial
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_WIDEST_CHOICE = 3  # interventions per finding that are united before all are


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the diagnosing runs found: the sources as findings, the first one first, and all trials.

    `kernel` is the first kernel finding whose call is kept, and the folder of that call.
    """

    findings: tuple[Finding, ...] = ()
    trials: tuple[Trial, ...] = ()
    is_complete: bool | None = None
    notes: tuple[NotChecked, ...] = ()
    warnings: tuple[ProgramWarning, ...] = ()
    kernel: tuple[Finding, Path] | None = None
    was_interrupted: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding, and the source that it is about; None if recording hid the source."""

    finding: Finding
    source: FoundSource | None = None


class Diagnostician:
    """Makes the diagnosing runs of one audit, within the lab's budget."""

    def __init__(
        self,
        lab: RunMaker,
        judged: Judged,
        alerts: tuple[Alert, ...],
        races: tuple[DeviceRace, ...] = (),
        *,
        interned: Interned,
    ) -> None:
        first = judged.runs[0].main
        self._lab = lab
        self._interned = interned
        self._judged = judged
        self._alerts = alerts
        self._races = races
        self._cuda = "gpu" in first.header["environment"]
        self._compiles = any(note.code is Unchecked.COMPILED_REGIONS for note in first.notes)
        self._locator = Locator(lab, judged, alerts, races, interned=interned)
        self._pinning = Pinning(lab, self._locator, self._cuda)
        self._trials = Trials(
            lab, [len(group) for group in judged.comparison.classes], interned=interned
        )
        self._search = Search(self._trials.attempt)
        self._notes: list[NotChecked] = []
        self._warnings: list[ProgramWarning] = []
        self._fix: tuple[str, ...] | None = None
        self._was_interrupted = False

    def run(self) -> Diagnosis:
        """Diagnose as far as the budget goes; what was found by then is the answer.

        The verdict stands already. So a run that fails here, and Ctrl-C, end the diagnosis and not
        the audit.
        """
        self._lab.start_budget()
        rows: list[_Row] | None = None
        try:
            self._find_sources()
            self._find_fix()
            rows = self._attribute()
            rows = self._refine(rows)
        except BudgetSpent:
            self._note_end("its budget was spent; --budget raises it")
        except KeyboardInterrupt:
            self._was_interrupted = True
            self._note_end("it was interrupted")
        except SubjectError as error:
            self._note_end(error.message)
        if rows is None:
            rows = self._attribute()
        refuses = bool(self._alerts)
        rows = [
            replace(row, finding=add_patch(row.finding, self._lab.subject, refuses=refuses))
            for row in rows
        ]
        findings = tuple(row.finding for row in rows)
        return Diagnosis(
            findings=findings,
            trials=self._search.trials,
            is_complete=self._is_complete(findings),
            notes=(*self._locator.notes, *self._pinning.notes, *self._notes),
            warnings=tuple(self._warnings),
            kernel=_find_kept_kernel(rows),
            was_interrupted=self._was_interrupted,
        )

    def _note_end(self, why: str) -> None:
        """Say why the diagnosis ended early, and what it did not come to."""
        tried = {name for trial in self._search.trials for name in trial.settings}
        possible = list_combinable(cuda=self._cuda, compiles=self._compiles)
        left = [name for name in possible if name not in tried]
        if left and self._fix is None:
            why += f"; not tried: {', '.join(left)}"
        note = NotChecked(Unchecked.DIAGNOSIS_ENDED, "the rest of the diagnosis", why)
        self._notes.append(note)

    # Sources

    def _find_sources(self) -> None:
        try:
            pair = self._locator.find_plain_pair()
        except SubjectError as error:
            # A program that does not survive being recorded may still be repaired.
            self._notes.append(
                NotChecked(
                    Unchecked.OPERATOR_NOT_LOCATED,
                    "the operator where the runs first differ",
                    error.message,
                )
            )
            return
        if pair is None:
            return
        self._pinning.add(self._locator.explain(pair), pair)
        has_pins = any(known.pin is not None for known in self._pinning.known)
        if not has_pins and self._search.find_first_enough(self._unite_choices(1)):
            return  # nothing is left to differ
        self._pinning.complete()

    def _unite_choices(self, widest: int) -> list[tuple[str, ...]]:
        """Return unions of the first interventions of each source, up to so many of each."""
        lists = [known.choices[known.chosen :] for known in self._pinning.known]
        return list(islice(rank_unions(lists), widest))

    # The fix

    def _find_fix(self) -> None:
        if self._pinning.known:
            sets = self._unite_choices(_WIDEST_CHOICE)
        elif self._races:
            # Where recording hid the difference, streams that nothing orders are the first
            # suspects.
            sets = list(rank_unions([race.repairs for race in self._races]))
        else:
            sets = []
        found = self._search.find_first_enough(sets) or self._search.find_first_enough(
            self._wide_sets()
        )
        if found is not None:
            self._fix = self._search.shrink(found)

    def _wide_sets(self) -> list[tuple[str, ...]]:
        """Return everything at once; without what a program may not survive; with fresh files too.

        Fresh files come last, because they change most of a program.
        """
        possible = list_combinable(cuda=self._cuda, compiles=self._compiles)
        whole = tuple(name for name in possible if self._lab.can_try(name))
        gentle = tuple(name for name in whole if not INTERVENTIONS[name].is_harsh)
        fresh = tuple(name for name, entry in INTERVENTIONS.items() if entry.fresh_files)
        return [whole, gentle, (*whole, *fresh)]

    # Which finding it fixes

    def _attribute(self) -> list[_Row]:
        """Give each finding its part of the fix.

        What repairs a finding also decides a cause that was open.
        """
        known = list(self._pinning.known)
        self._warnings.clear()
        if self._fix is None:
            return [_Row(drop_clock_suspicion(one.explained), one) for one in known]
        if not known:
            return [self._make_row_without_place(self._fix)]
        parts = self._divide_fix(self._fix, known)
        rows: list[_Row] = []
        for one, part in zip(known, parts, strict=True):
            finding = correct_cause(one.explained.finding, part)
            if part:
                rows.append(_Row(replace(finding, fix=self._make_fix(part, finding)), one))
            else:
                self._warn_of_no_consequence(finding)
        for name in self._fix:
            if not any(name in part for part in parts):
                rows.append(self._make_row_without_place((name,)))
        return rows

    @staticmethod
    def _divide_fix(fix: tuple[str, ...], known: Sequence[FoundSource]) -> list[tuple[str, ...]]:
        """Return the part of the fix that belongs to each source."""
        parts = [tuple(name for name in fix if is_repaired_by(one, name, known)) for one in known]
        left = [name for name in fix if not any(name in part for part in parts)]
        for number, one in enumerate(known):
            if not parts[number]:
                # What nothing else explains goes to the first source that it could repair.
                parts[number] = tuple(name for name in left if could_be_repaired_by(one, name))
                left = [name for name in left if name not in parts[number]]
        return parts

    def _warn_of_no_consequence(self, finding: Finding) -> None:
        what = finding.op or "content from outside PyTorch"
        warning = ProgramWarning(
            f"{what} at {finding.location} differs between runs, without consequence: "
            "the fix leaves it as it is and runs are equal",
            location=finding.location,
        )
        self._warnings.append(warning)

    def _make_row_without_place(self, part: tuple[str, ...]) -> _Row:
        runs = [known.pair.a for known in self._pinning.known]
        fix = self._make_fix(part)
        return _Row(make_finding_without_place(self._judged, fix, runs, self._races))

    def _make_fix(self, part: tuple[str, ...], finding: Finding | None = None) -> Fix:
        """Return the proven fix as a finding shows its part of it."""
        assert self._fix is not None
        proof = self._search.find_trial(self._fix)
        advice = finding.fix.advice if finding is not None and finding.fix is not None else ""
        return Fix(
            settings=part,
            advice=advice,
            verified=True,
            runs=proof.runs,
            slowdown=self._trials.measure_slowdown(self._fix),
        )

    def _is_complete(self, findings: Sequence[Finding]) -> bool | None:
        """Return True if all sources are known, None if that was not looked into.

        They are if pinned runs were equal, or if the proven fix is for the findings alone. An
        intervention that repairs whatever races or reads undefined memory proves nothing of the
        kind.
        """
        if self._fix is None:
            return self._pinning.is_complete
        covered: set[str] = set()
        for finding in findings:
            if finding.fix is not None and finding.location is not None:
                covered.update(finding.fix.settings)
        is_broad = any(INTERVENTIONS[name].is_broad for name in self._fix)
        is_proven = self._pinning.is_complete is True or not is_broad
        return is_proven and covered.issuperset(self._fix)

    # What only a known fix allows

    def _refine(self, rows: Sequence[_Row]) -> list[_Row]:
        """Add what runs under the fix show: reads of undefined memory, and the exact line."""
        inexact = [
            row.source is not None and lacks_exact_line(row.source, row.finding) for row in rows
        ]
        refined = [replace(row, finding=self._add_fill_evidence(row.finding)) for row in rows]
        pair = self._run_with_lines() if any(inexact) else None
        if pair is None:
            return refined
        return [
            replace(row, finding=self._add_line(row.finding, pair)) if lacks_line else row
            for row, lacks_line in zip(refined, inexact, strict=True)
        ]

    def _run_with_lines(self) -> RunPair | None:
        """Return two runs whose lines were followed and that differ.

        At first by what the fix repairs and by little else, then as they are.
        """
        # Not the order of threads or workers: that would change what the program does line by line.
        fix = self._fix or ()
        still = tuple(
            name for name, entry in INTERVENTIONS.items() if entry.holds_still and name not in fix
        )
        pair = self._locator.find_changed_pair(still, lines=True)
        return pair or self._locator.find_changed_pair((), lines=True)

    def _add_line(self, finding: Finding, pair: RunPair) -> Finding:
        """Name the line whose Python value differs first, if there is one."""
        differences = differing_lines(*pair.runs, self._interned)
        orders = [source.order for source in pair.localisation.sources]
        before = min(orders, default=float("inf"))
        entry = first_entry(differences, before, weak_lines(pair.a))
        if entry is None:
            return finding
        note = "the runs part there"
        if entry.name:
            note = f"the first Python value that differs is {entry.name!r}, there"
        op = finding.op
        if entry.location != finding.location:
            op = _find_draw_at(pair.a, entry.location)
        return replace(_add_note(finding, note), location=entry.location, op=op)

    def _add_fill_evidence(self, finding: Finding) -> Finding:
        """Say whether the results follow what new memory is filled with.

        If they do, undefined memory is read. It takes two runs with different patterns.
        """
        if finding.cause is not Cause.UNINITIALIZED_MEMORY or self._fix is None:
            return finding
        runs: list[Run] = []
        for number, value in enumerate((ZERO_FILL, OTHER_FILL)):
            request = RunRequest(
                name=f"fill-{number}",
                index=number,
                what=f"filling new memory, pattern {number + 1}",
                interventions=self._fix,
                variables=((FILL_VARIABLE, value),),
                values_mb=0,
            )
            runs.append(self._lab.run(request))
        differs = len(compare_boundaries(runs, self._interned).classes) > 1
        said = "the results follow" if differs else "the results do not depend on"
        note = f"{said} what new memory is filled with (zeros, and 0x{int(OTHER_FILL):x})"
        return _add_note(finding, note)


def _add_note(finding: Finding, note: str) -> Finding:
    evidence = replace(finding.evidence, notes=(*finding.evidence.notes, note))
    return replace(finding, evidence=evidence)


def _find_kept_kernel(rows: Sequence[_Row]) -> tuple[Finding, Path] | None:
    """Return the first kernel finding whose call is kept, and the folder of the call."""
    for row in rows:
        if row.finding.cause is Cause.KERNEL and row.source is not None:
            if row.source.call is not None:
                return row.finding, row.source.call
    return None


def _find_draw_at(run: Run, place: Location) -> str | None:
    """Return the first op that draws at this line: it draws for something else in each run.

    None if no op is to blame.
    """
    for op in run.main.operations(EventFlag.RANDOM):
        if op.location == place:
            return op.shown_name
    return None
