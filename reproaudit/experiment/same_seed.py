"""A program that one seed does not repeat: an ordinary audit of it, and what the seeds add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.experiment.audit import audit
from reproaudit.experiment.options import AuditOptions
from reproaudit.model.events import CodeLine
from reproaudit.model.result import AuditResult, Finding
from reproaudit.runs.progress import Progress

_RUNS = 3
_FOLDER = "same-seed"


def audit_same_seed(options: AuditOptions, progress: Progress, folder: Path) -> AuditResult:
    """Audit the program under one seed, which `options` give it. Raises as `audit` does."""
    wanted = replace(options, runs=_RUNS, capture_alerts=False, spares_runs=True)
    return audit(wanted, progress, folder / _FOLDER)


def join_findings(
    audited: Sequence[Finding], faults: Sequence[tuple[Finding, frozenset[CodeLine]]]
) -> tuple[Finding, ...]:
    """Return all findings: those of the audit first, and each once.

    With each fault of a seed stand the lines that it is about. What an audit found at one of them,
    and the fix that it proved, goes to the fault, which says more of why.
    """
    left = list(audited)
    joined: list[Finding] = []
    for fault, lines in faults:
        same = next((one for one in left if _is_at(one, lines)), None)
        if same is None:
            joined.append(fault)
            continue
        left.remove(same)
        joined.append(_join(fault, same))
    return (*left, *joined)


def _is_at(finding: Finding, lines: frozenset[CodeLine]) -> bool:
    return finding.location is not None and finding.location.code_line in lines


def _join(fault: Finding, audited: Finding) -> Finding:
    fix = fault.fix
    if fix is not None and audited.fix is not None:
        fix = replace(audited.fix, advice=fix.advice)
    notes = (*fault.evidence.notes, *audited.evidence.notes)
    return replace(
        fault,
        cause=audited.cause,
        op=audited.op,
        module=audited.module,
        difference=audited.difference,
        evidence=replace(audited.evidence, notes=tuple(dict.fromkeys(notes))),
        fix=fix,
        below=fault.below or audited.below,
    )
