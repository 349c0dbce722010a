"""Comparing traces that exist already, possibly from other machines: no program is run and torch is
not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import judge
from reproaudit.compare.localise import localise
from reproaudit.config.tolerance import Tolerances
from reproaudit.diagnose.sources import explain_sources
from reproaudit.experiment.conclude import conclude
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import AuditResult, Finding
from reproaudit.trace.runs import open_run


def compare_traces(paths: Sequence[Path], tolerances: Tolerances) -> AuditResult:
    """Compare the traces as runs of one program; locate the first difference if they hold
    operators.

    Raises TraceError if a trace cannot be read.
    """
    interned = Interned()
    runs = [open_run(path, index) for index, path in enumerate(paths)]
    judged = judge(runs, compare_boundaries(runs, interned), tolerances)
    notes: list[NotChecked] = [
        NotChecked(Unchecked.TRACE_DAMAGED, f"the end of trace {run.index}", run.main.damage)
        for run in runs
        if run.main.damage
    ]
    for run in runs[1:]:
        notes += _environment_notes(
            runs[0].main.header["environment"], run.main.header["environment"], run.index
        )
    findings: tuple[Finding, ...] = ()
    pair = judged.representatives
    if pair is not None:
        if any(run.main.level is Level.BOUNDARY for run in pair):
            notes.append(
                NotChecked(
                    Unchecked.OPERATOR_NOT_LOCATED,
                    "the operator where the runs first differ",
                    "the traces were recorded at level boundary",
                )
            )
        else:
            localisation = localise(*pair, interned)
            calls = differing_calls(*pair, interned)
            reordered = judged.same_samples_reordered
            explained = explain_sources(localisation.sources, pair, calls, reordered=reordered)
            findings = tuple(one.finding for one in explained)
    notes.append(
        NotChecked(
            Unchecked.REFUSALS_NOT_LOOKED_FOR,
            "ops that use_deterministic_algorithms refuses",
            "only an audit runs the program to find them",
        )
    )
    return conclude(
        judged,
        findings,
        (),
        notes=notes,
        settings=(),
        subject=runs[0].main.header["subject"],
        next_commands=("reproaudit record --level operation SUBJECT",)
        if pair is not None and not findings
        else (),
    )


def _environment_notes(
    first: Mapping[str, str], other: Mapping[str, str], index: int
) -> list[NotChecked]:
    """Name what differs between the environments: it may be the reason, and it was not varied on
    purpose."""
    names = [name for name in {**first, **other} if first.get(name) != other.get(name)]
    return [
        NotChecked(
            Unchecked.ENVIRONMENT_DIFFERS,
            f"environment: {name}",
            f"{first.get(name, 'unset')} in trace 0, {other.get(name, 'unset')} in trace {index}",
        )
        for name in names
    ]
