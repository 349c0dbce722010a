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
from reproaudit.compare.resumed import align_resumed
from reproaudit.config.tolerance import Tolerances
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.sources import add_note, explain_sources
from reproaudit.experiment.conclude import conclude
from reproaudit.model.events import Level, NotChecked, Phase, ProgramWarning, Unchecked
from reproaudit.model.result import AuditResult, Finding
from reproaudit.trace.runs import Run, open_run


def compare_traces(paths: Sequence[Path], tolerances: Tolerances) -> AuditResult:
    """Compare the traces as runs of one program.

    Locates the first difference if the traces hold operators. Raises TraceError if a trace cannot
    be read.
    """
    interned = Interned()
    runs = [open_run(path, index) for index, path in enumerate(paths)]
    warnings, steps = _align_resumed(runs, interned)
    judged = judge(runs, compare_boundaries(runs, interned), tolerances)
    notes = [*_note_damage(runs), *_note_environments(runs)]
    pair = judged.representatives
    findings: tuple[Finding, ...] = ()
    if pair is not None and _hold_operators(pair):
        findings = _explain_pair(pair, judged, interned, is_resumed=bool(warnings))
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
        warnings=warnings,
        steps=steps,
    )


def _align_resumed(runs: Sequence[Run], interned: Interned) -> tuple[list[ProgramWarning], int]:
    """Have runs that go on from a later step of the first run, or it of theirs, compared so.

    Returns what there is to say of it, and how far all runs come, as the first one counts.
    """
    warnings = []
    first = runs[0]
    last = [first.steps]
    for run in runs[1:]:
        last.append(run.steps)
        for straight, resumed in ((first, run), (run, first)):
            step = align_resumed(straight, resumed, interned)
            if step is None:
                continue
            message = (
                f"trace {resumed.index} was resumed: its step 0 has the contents of step {step} of "
                f"trace {straight.index}; they are compared from there on, and step numbers are "
                f"those of trace {first.index}"
            )
            warnings.append(ProgramWarning(message))
            last[-1] += step if resumed is run else -step
            break
    return warnings, min(last)


def _hold_operators(pair: tuple[Run, Run]) -> bool:
    return all(run.main.level is not Level.BOUNDARY for run in pair)


def _explain_pair(
    pair: tuple[Run, Run], judged: Judged, interned: Interned, *, is_resumed: bool
) -> tuple[Finding, ...]:
    # Runs that begin at different steps do not make the same calls.
    calls = () if is_resumed else differing_calls(*pair, interned)
    # Without alerts, races and carried files: only an audit makes the runs that show those.
    explained = explain_sources(
        localise(*pair, interned).sources,
        pair,
        calls,
        reordered=judged.same_samples_reordered,
    )
    findings = tuple(settle_finding(one) for one in explained)
    if not is_resumed:
        return findings
    return tuple(_say_what_was_not_restored(finding) for finding in findings)


def _say_what_was_not_restored(finding: Finding) -> Finding:
    """Say what of an update differs where the gradients before it are equal."""
    if finding.phase is not Phase.OPTIMIZER:
        return finding
    note = (
        "what the optimizer was given is equal until there: another learning rate or other state "
        "of the optimizer was not restored with the checkpoint, such as that of a scheduler"
    )
    return add_note(finding, note)


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
