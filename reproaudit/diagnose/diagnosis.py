"""Why runs differ and what repairs it: locate, pin until nothing else differs, search a fix,
attribute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    EventKind,
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


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the diagnosing runs found: the sources as findings, the first one first, and all that
    was tried."""

    findings: tuple[Finding, ...]
    trials: tuple[Trial, ...]
    is_complete: bool | None
    notes: tuple[NotChecked, ...]
    warnings: tuple[ProgramWarning, ...] = ()
    kernel: tuple[Finding, Path] | None = (
        None  # the first kernel finding, and where its call is kept
    )
    was_interrupted: bool = False


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
        rows: list[tuple[Finding, FoundSource | None]] | None = None
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
        rows = self._attribute() if rows is None else rows
        findings = tuple(
            add_patch(finding, self._lab.subject, refuses=bool(self._alerts)) for finding, _ in rows
        )
        kernels = (
            (finding, known.call)
            for finding, (_, known) in zip(findings, rows, strict=True)
            if finding.cause is Cause.KERNEL and known is not None and known.call is not None
        )
        return Diagnosis(
            findings,
            self._search.trials,
            self._is_complete(findings),
            (*self._locator.notes, *self._pinning.notes, *self._notes),
            tuple(self._warnings),
            next(kernels, None),
            self._was_interrupted,
        )

    def _note_end(self, why: str) -> None:
        """Say why the diagnosis ended early, and what it did not come to."""
        tried = {name for trial in self._search.trials for name in trial.settings}
        left = [
            name
            for name in list_combinable(cuda=self._cuda, compiles=self._compiles)
            if name not in tried
        ]
        untried = f"; not tried: {', '.join(left)}" if left and self._fix is None else ""
        self._notes.append(
            NotChecked(Unchecked.DIAGNOSIS_ENDED, "the rest of the diagnosis", why + untried)
        )

    # -- sources
    # -----------------------------------------------------------------------------------------------------

    def _find_sources(self) -> None:
        try:
            pair = self._locator.plain_pair()
        except (
            SubjectError
        ) as error:  # a program that does not survive being recorded may still be repaired
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
        if all(known.pin is None for known in self._pinning.known) and self._search.first_enough(
            self._unions(1)
        ):
            return  # nothing is left to differ
        self._pinning.complete()

    def _unions(self, widest: int) -> list[tuple[str, ...]]:
        lists = [known.choices[known.chosen :] for known in self._pinning.known]
        return [union for _, union in zip(range(widest), rank_unions(lists), strict=False)]

    # -- the fix
    # -----------------------------------------------------------------------------------------------------

    def _find_fix(self) -> None:
        sets = self._unions(_WIDEST_CHOICE) if self._pinning.known else self._against_races()
        found = self._search.first_enough(sets) or self._search.first_enough(self._wide_sets())
        if found is not None:
            self._fix = self._search.shrink(found)

    def _against_races(self) -> list[tuple[str, ...]]:
        """Where recording hid the difference, streams that nothing orders are the first suspects."""
        lists = [race.repairs for race in self._races]
        return list(rank_unions(lists)) if lists else []

    def _wide_sets(self) -> list[tuple[str, ...]]:
        """Everything at once; without what a program may not survive; and with what changes most of
        it."""
        whole = tuple(
            filter(self._lab.can_try, list_combinable(cuda=self._cuda, compiles=self._compiles))
        )
        gentle = tuple(name for name in whole if not INTERVENTIONS[name].is_harsh)
        fresh = tuple(name for name, entry in INTERVENTIONS.items() if entry.fresh_files)
        return [whole, gentle, (*whole, *fresh)]

    # -- which finding it fixes
    # --------------------------------------------------------------------------------------

    def _attribute(self) -> list[tuple[Finding, FoundSource | None]]:
        """Give each finding its part of the fix; what repairs a finding also decides a cause that
        was open."""
        known = list(self._pinning.known)
        self._warnings.clear()
        if self._fix is None:
            return [(drop_clock_suspicion(one.explained), one) for one in known]
        if not known:
            return [
                (
                    make_finding_without_place(
                        self._judged, self._fixed(self._fix), (), self._races
                    ),
                    None,
                )
            ]
        parts = [
            tuple(name for name in self._fix if is_repaired_by(one, name, known)) for one in known
        ]
        left = tuple(name for name in self._fix if not any(name in part for part in parts))
        rows: list[tuple[Finding, FoundSource | None]] = []
        for one, named in zip(known, parts, strict=True):
            part = named or tuple(name for name in left if could_be_repaired_by(one, name))
            left = tuple(name for name in left if name not in part)
            finding = correct_cause(one.explained.finding, part)
            if part:
                rows.append((replace(finding, fix=self._fixed(part, finding)), one))
            else:
                what = finding.op or "content from outside PyTorch"
                self._warnings.append(
                    ProgramWarning(
                        f"{what} at {finding.location} differs between runs, without consequence: "
                        "the fix leaves it as it is and runs are equal",
                        location=finding.location,
                    )
                )
        runs = [one.pair.a for one in known]
        return rows + [
            (
                make_finding_without_place(self._judged, self._fixed((name,)), runs, self._races),
                None,
            )
            for name in left
        ]

    def _fixed(self, part: tuple[str, ...], finding: Finding | None = None) -> Fix:
        assert self._fix is not None
        trial = next(
            trial for trial in self._search.trials if set(trial.settings) == set(self._fix)
        )
        advice = finding.fix.advice if finding is not None and finding.fix is not None else ""
        return Fix(part, advice, True, trial.runs, self._trials.slowdown(self._fix))

    def _is_complete(self, findings: Sequence[Finding]) -> bool | None:
        """Tell whether all sources are known: pinned runs were equal, or the proven fix is for the
        findings alone.

        An intervention that repairs whatever races or reads undefined memory proves nothing of the
        kind.
        """
        if self._fix is None:
            return self._pinning.is_complete
        located = [
            finding.fix
            for finding in findings
            if finding.fix is not None and finding.location is not None
        ]
        is_broad = any(INTERVENTIONS[name].is_broad for name in self._fix)
        is_covered = {name for fix in located for name in fix.settings}.issuperset(self._fix)
        return is_covered and (self._pinning.is_complete is True or not is_broad)

    # -- what only a known fix allows
    # --------------------------------------------------------------------------------

    def _refine(
        self, rows: Sequence[tuple[Finding, FoundSource | None]]
    ) -> list[tuple[Finding, FoundSource | None]]:
        refined = [self._with_fill_evidence(finding) for finding, _ in rows]
        inexact = [
            known
            for finding, known in rows
            if known is not None and lacks_exact_line(known, finding)
        ]
        pair = self._lines() if inexact else None
        if pair is not None:
            refined = [
                self._with_line(finding, pair) if known in inexact else finding
                for finding, (_, known) in zip(refined, rows, strict=True)
            ]
        return [(finding, known) for finding, (_, known) in zip(refined, rows, strict=True)]

    def _lines(self) -> RunPair | None:
        """Return two runs whose lines were followed and that differ by what the fix repairs, and by
        little else."""
        # Not the order of threads or workers: that would change what the program does line by line.
        still = tuple(
            name
            for name, entry in INTERVENTIONS.items()
            if entry.holds_still and name not in (self._fix or ())
        )
        return self._locator.changed_pair(still, lines=True) or self._locator.changed_pair(
            (), lines=True
        )

    def _with_line(self, finding: Finding, pair: RunPair) -> Finding:
        differences = differing_lines(*pair.runs, self._interned)
        before = min((source.order for source in pair.localisation.sources), default=float("inf"))
        entry = first_entry(differences, before, weak_lines(pair.a))
        if entry is None:
            return finding
        note = (
            f"the first Python value that differs is {entry.name!r}, there"
            if entry.name
            else "the runs part there"
        )
        noted = replace(finding.evidence, notes=(*finding.evidence.notes, note))
        op = (
            finding.op
            if entry.location == finding.location
            else _random_op_at(pair.a, entry.location)
        )
        return replace(finding, location=entry.location, op=op, evidence=noted)

    def _with_fill_evidence(self, finding: Finding) -> Finding:
        """Run once more with new memory filled with another pattern: if it matters, undefined
        memory is read."""
        if finding.cause is not Cause.UNINITIALIZED_MEMORY or self._fix is None:
            return finding
        runs = [
            self._lab.run(
                RunRequest(
                    name=f"fill-{number}",
                    index=number,
                    what=f"filling new memory, pattern {number + 1}",
                    interventions=self._fix,
                    variables=((FILL_VARIABLE, value),),
                    values_mb=0,
                )
            )
            for number, value in enumerate((ZERO_FILL, OTHER_FILL))
        ]
        differs = len(compare_boundaries(runs, self._interned).classes) > 1
        said = "the results follow" if differs else "the results do not depend on"
        note = f"{said} what new memory is filled with (zeros, and 0x{int(OTHER_FILL):x})"
        return replace(
            finding, evidence=replace(finding.evidence, notes=(*finding.evidence.notes, note))
        )


def _random_op_at(run: Run, place: Location) -> str | None:
    """Return the first op that draws at this line: it draws for something else in each run. None:
    no op is to blame."""
    trace = run.main
    for row in trace.events[(trace.events["flags"] & EventFlag.RANDOM) != 0]:
        if row["kind"] == EventKind.OP and trace.locations[row["location"]] == place:
            return str(trace.strings[row["name"]]).removesuffix(".default")
    return None
