"""Whether the answer for one row depends on its batch: each row alone, against batches of several
sizes, at other places, beside other rows, with padding.

Runs at level boundary decide, by the answers alone: portions have other shapes and other numbers of
calls. Two controls tell a bug from rounding. They keep all shapes and change the content of the
other rows, or of the padding: no order of a sum explains what differs then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.judge import judge
from reproaudit.config.portions import Neighbours, Portions
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import SubjectError, UsageError
from reproaudit.experiment.audit import Experiment
from reproaudit.experiment.batch_runs import ALONE, BatchRuns, count_rows, name_size
from reproaudit.experiment.batch_sources import BatchSources
from reproaudit.experiment.options import AuditOptions
from reproaudit.experiment.quiet import QuietProgress
from reproaudit.experiment.split_sources import SplitSources
from reproaudit.experiment.variations_result import make_result
from reproaudit.experiment.varied_outcomes import (
    Varied,
    describe_varied,
    make_not_tried,
    note_end,
    word_end,
)
from reproaudit.knowledge.variations_batch import BATCH, NEIGHBOURS, PADDING, PLACE, SPLIT
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.events import NotChecked
from reproaudit.model.question import VariationOutcome
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.runs import Run

_PLAIN_RUNS = 2
_OWN = "it is what all others are compared with"
_REFUSED = "the program fails with it"
_NOT_REPRODUCIBLE = "the answers for each row alone differ from run to run; a seed may mend that"
_CONTROLS = (
    (PLACE, "1", Portions(turn=1)),
    (NEIGHBOURS, Neighbours.OTHER.value, Portions(neighbours=Neighbours.OTHER)),
)
_NAMES = (BATCH, PLACE, NEIGHBOURS, PADDING)
_WHOLE = Portions(parts=1)


def is_of_batches(wanted: Sequence[Wanted]) -> bool:
    """Return True if the variations are of how a callable is given its rows.

    Raises UsageError if only some of them are, or if some are of an answer and some of a step.
    """
    of_batches = [one for one in wanted if one.portions is not None]
    of_steps = [one for one in wanted if one.name == SPLIT]
    if of_steps and len(of_steps) < len(wanted):
        other = next(one for one in wanted if one.name != SPLIT)
        raise UsageError(
            f"{SPLIT} cannot be varied together with {other.name}",
            code="variation-mixed",
            hint=f"{SPLIT} compares with the batch as a whole: vary it by itself",
        )
    if of_batches and len(of_batches) < len(wanted):
        other = next(one for one in wanted if one.portions is None)
        raise UsageError(
            f"{of_batches[0].name} cannot be varied together with {other.name}",
            code="variation-mixed",
            hint=f"{', '.join(_NAMES)} compare with each row alone: vary the others by themselves",
        )
    return bool(of_batches)


def vary_batch(
    options: AuditOptions,
    wanted: Sequence[Wanted],
    progress: Progress,
    out: Path | None = None,
    *,
    tolerances: Mapping[str, Tolerances] | None = None,
) -> AuditResult:
    """Run the whole experiment on a callable or a module. Traces stay in `out` if it is given.

    Beside what is wanted, the largest batch is turned round by one place, and has other neighbours.
    Raises UsageError for a subject that is given no rows, SubjectError if asking for each row alone
    fails.
    """
    is_of_steps = wanted[0].name == SPLIT
    if not options.subject.has_inputs and is_of_steps:
        raise UsageError(
            f"{options.subject} is no step that is given a batch: {SPLIT} cannot split one",
            code="batch-inputs",
            hint="name a callable that takes a batch and returns its loss, and its inputs: "
            "FILE.py::step --inputs float32[64,512]",
        )
    if not options.subject.has_inputs:
        raise UsageError(
            f"{options.subject} is given no rows to answer for",
            code="batch-inputs",
            hint="name a callable or a module and its inputs: FILE.py::answer --inputs "
            "float32[64,512]",
        )
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        if is_of_steps:
            return _ask(options, wanted, tolerances or {}, _WHOLE, progress=progress, folder=folder)
        try:
            return _ask(options, wanted, tolerances or {}, ALONE, progress=progress, folder=folder)
        except SubjectError:
            smallest = _find_smallest(wanted)
            if smallest is None:
                raise
        # A batch norm in training mode refuses a row that is alone.
        folder = folder / "again"
        make_folder_of_runs(folder)
        return _ask(options, wanted, tolerances or {}, smallest, progress=progress, folder=folder)


def _find_smallest(wanted: Sequence[Wanted]) -> Portions | None:
    """Return the smallest batch of several rows, if there is another one to compare it with."""
    given = [one.portions.size for one in wanted if one.portions and one.portions.size]
    sizes = sorted(size for size in set(given) if size > 1)
    return Portions(size=sizes[0]) if sizes else None


def _ask(
    options: AuditOptions,
    wanted: Sequence[Wanted],
    tolerances: Mapping[str, Tolerances],
    base: Portions,
    *,
    progress: Progress,
    folder: Path,
) -> AuditResult:
    varying = _Batches(options, wanted, tolerances, base, progress=progress, folder=folder)
    with contextlib.closing(varying.lab):
        return varying.run()


class _Batches:
    """One question under way."""

    def __init__(
        self,
        options: AuditOptions,
        wanted: Sequence[Wanted],
        tolerances: Mapping[str, Tolerances],
        base: Portions,
        *,
        progress: Progress,
        folder: Path,
    ) -> None:
        self._options = replace(
            options,
            runs=_PLAIN_RUNS,
            runs_to_pass=_PLAIN_RUNS,
            further_runs=0,
            spares_runs=False,
            capture_alerts=False,
            repro=None,
            # Each part's backward pass is a step.
            steps=1 if base.parts is None else None,
            whole_within_s=0.0,
            portions=base,
        )
        self._base = base
        self._wanted = list(wanted)
        self._tolerances = tolerances
        self._audit = Experiment(self._options, QuietProgress(progress), folder)
        self.lab = self._audit.lab
        self._interned = self._audit.interned
        self._largest: int | None = None  # batch that is wanted; None: of all rows
        self._outcomes: dict[Wanted, VariationOutcome] = {}
        self._end = ""
        self._notes: list[NotChecked] = []
        self._is_missing = False

    def run(self) -> AuditResult:
        as_it_is = self._audit.run()
        runs = BatchRuns(self.lab, self._base, self._audit.deciding_runs)
        findings: tuple[Finding, ...] = ()
        if as_it_is.verdict is Verdict.REPRODUCIBLE:
            self.lab.start_budget()
            findings = self._vary(runs)
        else:
            self._end = _NOT_REPRODUCIBLE
        for one in self._wanted:
            if one not in self._outcomes:
                self._miss(one, self._end)
        return make_result(
            self._options,
            as_it_is,
            runs.made,
            [self._outcomes[one] for one in self._wanted],
            findings=findings,
            ops=None,
            is_missing=self._is_missing,
            interned=self._interned,
            runs_made=self.lab.runs_made,
            notes=[*self._notes, *self.lab.notes],
        )

    def _vary(self, runs: BatchRuns) -> tuple[Finding, ...]:
        """Make the runs, compare them, and find where what differs is born."""
        rows = 0
        sources: BatchSources | SplitSources
        if self._base.parts is None:
            rows = count_rows(runs.made[0][0])
            self._wanted = self._complete(rows)
            sources = BatchSources(runs, self._interned, self._outcomes, base_of=self._find_base)
        else:
            sources = SplitSources(runs, self._interned, self._outcomes, base=self._base)
        try:
            varied = self._compare_all(runs, rows)
            if self._options.diagnose:
                sources.explain_all(varied)
        except (BudgetSpent, KeyboardInterrupt) as error:
            self._end = word_end(error)
            self._notes.append(note_end(self._end))
        return sources.findings

    def _complete(self, rows: int) -> list[Wanted]:
        """Return what is wanted, and the controls, each with the size of its batches."""
        given = [one.portions for one in self._wanted if one.portions is not None]
        sizes = [one.size for one in given if one.size and (one.size <= rows or not rows)]
        self._largest = max(sizes, default=None)
        found = list(self._wanted)
        names = {one.name for one in found}
        for name, value, portions in _CONTROLS:
            if name not in names and self._largest != 1 and rows != 1:
                one = Wanted(name=name, value=value, portions=portions, is_asked_for=False)
                found.append(one)
        return [self._size(one) for one in found]

    def _size(self, wanted: Wanted) -> Wanted:
        if wanted.name == BATCH or wanted.portions is None:
            return wanted
        return replace(wanted, portions=replace(wanted.portions, size=self._largest))

    def _compare_all(self, runs: BatchRuns, rows: int) -> list[Varied]:
        found: list[Varied] = []
        for one in self._wanted:
            portions = one.portions
            assert portions is not None
            if portions == self._base:
                self._outcomes[one] = make_not_tried(one, _OWN)
                continue
            if portions == ALONE:
                self._outcomes[one] = make_not_tried(one, _REFUSED)
                continue
            if rows and (portions.size or 1) > rows:
                self._miss(one, f"the inputs have {rows} rows")
                continue
            try:
                varied = self._compare_one(runs, one, portions)
            except SubjectError as error:
                self._miss(one, error.message)
                continue
            found.append(varied)
            self._outcomes[one] = describe_varied(varied)
        return found

    def _compare_one(self, runs: BatchRuns, wanted: Wanted, portions: Portions) -> Varied:
        base = runs.make(self._find_base(wanted), name_size(self._find_base(wanted)))
        run = runs.make(portions, wanted.setting)
        varied = self._compare(wanted, base, run)
        if wanted.name != PADDING:
            return varied
        # Zeros may be what padding has no effect by: what it holds must not matter.
        filled = runs.make(replace(portions, is_filled=True), f"{wanted.setting}, filled")
        changed = self._compare(wanted, run, filled)
        return replace(changed, is_control=True) if changed.differs else varied

    def _find_base(self, wanted: Wanted) -> Portions:
        """Return what a value of a variation is compared with."""
        return self._base if wanted.name in (BATCH, SPLIT) else Portions(size=self._largest)

    def _compare(self, wanted: Wanted, a: Run, b: Run) -> Varied:
        pair = (a, b)
        tolerances = self._tolerances.get(wanted.name, self._options.tolerances)
        judged = judge(pair, compare_boundaries(pair, self._interned), tolerances)
        return Varied(wanted, b, judged)

    def _miss(self, wanted: Wanted, why: str) -> None:
        self._is_missing |= wanted.is_asked_for
        self._outcomes[wanted] = make_not_tried(wanted, why)
