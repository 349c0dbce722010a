"""Compares traces that exist already, possibly from other machines.

No program is run, and torch is not needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.aligned_ops import align_all
from reproaudit.comparison.boundaries import compare_boundaries, compare_tables
from reproaudit.comparison.class_tables import Sketch, Tables, sketch
from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.initial_state import find_initial_difference
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.comparison.localise import localise
from reproaudit.comparison.resumed import Beginnings
from reproaudit.config.tolerance import Tolerances
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.ranks import find_drift
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import explain_sources
from reproaudit.diagnose.untried import advise_untried
from reproaudit.errors import UsageError
from reproaudit.experiment.absent_ranks import note_absent_ranks
from reproaudit.experiment.conclude import conclude
from reproaudit.experiment.excerpts import find_source_of_runs
from reproaudit.experiment.initial_findings import leave_out_consequences, make_initial_finding
from reproaudit.experiment.refused_ops import list_not_looked_for
from reproaudit.experiment.resume_findings import explain_resumed
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import Level, NotChecked, ProgramWarning, Unchecked
from reproaudit.model.result import AuditResult, Finding
from reproaudit.runs.worlds import mark_missing_ranks, require_same_worlds
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.shelf import Shelf


def compare_traces(
    paths: Sequence[Path], tolerances: Tolerances, *, shows_source: bool = True
) -> AuditResult:
    """Compare the traces as runs of one program.

    Locates the first difference if the traces hold operators. Where the program lies here as it was
    when they were recorded, the result has its lines unless it is not to show them. Raises
    TraceError if a trace cannot be read.
    """
    interned = Interned()
    shelf = Shelf()
    resumption = _Resumption(interned)
    opened: list[Run] = []
    tables = Tables(opened, interned)
    sketches: list[Sketch] = []
    for index, path in enumerate(paths):
        run = open_run(path, index, shelf)
        # Now, while its contents are in memory: of a thousand runs each is read once.
        resumption.add(run)
        opened.append(run)
        sketches.append(sketch(tables[index]))
    require_same_worlds(opened)
    absent = note_absent_ranks(opened)
    runs = mark_missing_ranks(opened)
    if resumption.warnings:
        # Which tensors of a run are compared was known only after all were there.
        comparison = compare_boundaries(runs, interned)
    else:
        comparison = compare_tables(tables, sketches)
    judged = judge(runs, comparison, tolerances)
    notes = [*absent, *_note_damage(runs), *_note_environments(runs)]
    pair = judged.representatives
    findings: tuple[Finding, ...] = ()
    ops: AlignedOps | None = None
    initial = None if pair is None else find_initial_difference(*pair)
    if pair is not None and _hold_operators(pair):
        recorded = RunPair(*pair, localise(*pair, interned))
        if resumption.warnings:
            findings = explain_resumed(recorded, reordered=judged.same_samples_reordered)
        else:
            findings = _explain_pair(recorded, judged, interned, began_alike=initial is None)
        ops = recorded.align_around_sources(interned)
    elif pair is not None:
        notes.append(
            NotChecked(
                Unchecked.OPERATOR_NOT_LOCATED,
                "the operator where the runs first differ",
                "not all traces were recorded at level operation",
            )
        )
    if initial is not None:
        findings = (make_initial_finding(initial), *findings)
    notes += list_not_looked_for(runs[0], "only an audit runs the program to find them")
    next_commands: tuple[str, ...] = ()
    if pair is not None and not findings:
        next_commands = ("reproaudit record --level operation SUBJECT",)
    return conclude(
        judged,
        findings,
        (),
        notes=notes,
        settings=(),
        subject=runs[0].main.header["subject"],
        next_commands=next_commands,
        warnings=(*resumption.warnings, *find_drift(runs[0], interned)),
        span=resumption.span,
        ops=ops,
        source=find_source_of_runs(runs) if shows_source else None,
    )


def refuse_repeated(traces: Sequence[str]) -> None:
    """Refuse a trace that is named twice: a run is always equal to itself. Raises UsageError."""
    seen: dict[str, str] = {}
    for trace in traces:
        first = seen.setdefault(os.path.realpath(trace), trace)
        if first is not trace and os.path.isdir(trace):
            raise UsageError(
                f"{first!r} and {trace!r} are one trace, which says nothing of other runs",
                code="usage",
                hint="name each trace once",
            )


def align_traces(a: Path, b: Path, indices: tuple[int, int] = (0, 1)) -> AlignedOps | None:
    """Return all operators of two recorded runs, aligned; None if they were not recorded.

    `indices` are the numbers of the runs. Raises TraceError if a trace cannot be read.
    """
    interned = Interned()
    resumption = _Resumption(interned)
    runs = (open_run(a, indices[0]), open_run(b, indices[1]))
    for run in runs:
        resumption.add(run)
    if not _hold_operators(runs):
        return None
    return align_all(*runs, localise(*runs, interned), interned)


class _Resumption:
    """Has runs that go on from a later step of the first run, or it of theirs, compared so.

    `warnings` is what there is to say of it.
    """

    def __init__(self, interned: Interned) -> None:
        self.warnings: list[ProgramWarning] = []
        self._beginnings = Beginnings(interned)
        self._first: Run | None = None
        self._begin = 0
        self._end = 0

    @property
    def span(self) -> tuple[int, int]:
        """Which steps all runs have, as the first run counts them: the first and the one after the
        last."""
        return self._begin, self._end

    def add(self, run: Run) -> None:
        """Look at a run; the first one is what the others are held against."""
        if self._first is None:
            self._first = run
            self._end = run.steps
            return
        first = self._first
        end = run.steps
        for straight, resumed in ((first, run), (run, first)):
            step = self._beginnings.align(straight, resumed)
            if step is None:
                continue
            message = (
                f"trace {resumed.index} was resumed: its step 0 has the contents of step {step} of "
                f"trace {straight.index}; they are compared from there on, and step numbers are "
                f"those of trace {first.index}"
            )
            self.warnings.append(ProgramWarning(message))
            if resumed is run:
                self._begin = max(self._begin, step)
                end += step
            else:
                end -= step
            break
        self._end = min(self._end, end)


def _hold_operators(pair: tuple[Run, Run]) -> bool:
    return all(run.main.level is not Level.BOUNDARY for run in pair)


def _explain_pair(
    recorded: RunPair, judged: Judged, interned: Interned, *, began_alike: bool
) -> tuple[Finding, ...]:
    pair = recorded.runs
    # Without alerts, races and carried files: only an audit makes the runs that show those.
    explained = explain_sources(
        recorded.localisation.sources,
        pair,
        differing_calls(*pair, interned),
        reordered=judged.same_samples_reordered,
    )
    settled = [replace(one, finding=settle_finding(one)) for one in explained]
    left = settled if began_alike else leave_out_consequences(settled)
    return tuple(advise_untried(one, pair) for one in left)


def _note_damage(runs: Sequence[Run]) -> list[NotChecked]:
    notes = []
    for run in runs:
        for process, trace in run.traces:
            if trace.damage:
                what = f"the end of trace {run.index}"
                if trace is not run.main:
                    what += f", process {process}"
                notes.append(NotChecked(Unchecked.TRACE_DAMAGED, what, trace.damage))
        for process in run.unreadable:
            what = f"process {process} of trace {run.index}"
            notes.append(
                NotChecked(Unchecked.TRACE_DAMAGED, what, "its trace is missing or cannot be read")
            )
    return notes


def _note_environments(runs: Sequence[Run]) -> list[NotChecked]:
    """Name what differs between the environment of the first run and those of the others.

    It may be the reason for a difference, and nobody varied it on purpose.
    """
    first = runs[0].main.header["environment"]
    notes: list[NotChecked] = []
    for run in runs[1:]:
        notes += _compare_environments(first, run.main.header["environment"], run.index)
    return notes


def _compare_environments(
    first: Mapping[str, str], other: Mapping[str, str], index: int
) -> list[NotChecked]:
    # A set of names would lose the recorder's order, and reports are to be reproducible.
    names = dict.fromkeys((*first, *other))
    return [
        NotChecked(
            Unchecked.ENVIRONMENT_DIFFERS,
            f"environment: {name}",
            f"{first.get(name, 'unset')} in trace 0, {other.get(name, 'unset')} in trace {index}",
        )
        for name in names
        if first.get(name) != other.get(name)
    ]
