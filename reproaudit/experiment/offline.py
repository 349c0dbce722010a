"""Compares traces that exist already, possibly from other machines.

No program is run, and torch is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged, judge
from reproaudit.compare.localise import localise
from reproaudit.config.tolerance import Tolerances
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.sources import explain_sources
from reproaudit.experiment.conclude import conclude
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import AuditResult, Finding
from reproaudit.trace.runs import Run, open_run


def compare_traces(paths: Sequence[Path], tolerances: Tolerances) -> AuditResult:
    """Compare the traces as runs of one program.

    Locates the first difference if the traces hold operators. Raises TraceError if a trace cannot
    be read.
    """
    interned = Interned()
    runs = [open_run(path, index) for index, path in enumerate(paths)]
    judged = judge(runs, compare_boundaries(runs, interned), tolerances)
    notes = [*_note_damage(runs), *_note_environments(runs)]
    pair = judged.representatives
    findings: tuple[Finding, ...] = ()
    if pair is not None and _hold_operators(pair):
        findings = _explain_pair(pair, judged, interned)
    elif pair is not None:
        notes.append(
            NotChecked(
                Unchecked.OPERATOR_NOT_LOCATED,
                "the operator where the runs first differ",
                "the traces were recorded at level boundary",
            )
        )
    notes.append(
        NotChecked(
            Unchecked.REFUSALS_NOT_LOOKED_FOR,
            "ops that use_deterministic_algorithms refuses",
            "only an audit runs the program to find them",
        )
    )
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
    )


def _hold_operators(pair: tuple[Run, Run]) -> bool:
    return all(run.main.level is not Level.BOUNDARY for run in pair)


def _explain_pair(pair: tuple[Run, Run], judged: Judged, interned: Interned) -> tuple[Finding, ...]:
    # Without alerts, races and carried files: only an audit makes the runs that show those.
    explained = explain_sources(
        localise(*pair, interned).sources,
        pair,
        differing_calls(*pair, interned),
        reordered=judged.same_samples_reordered,
    )
    return tuple(settle_finding(one) for one in explained)


def _note_damage(runs: Sequence[Run]) -> list[NotChecked]:
    return [
        NotChecked(Unchecked.TRACE_DAMAGED, f"the end of trace {run.index}", run.main.damage)
        for run in runs
        if run.main.damage
    ]


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
