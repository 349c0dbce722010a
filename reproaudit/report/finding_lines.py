"""Owns a finding in full, as labelled lines of text for a screen."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.events import Location
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.report.layout import put_beside, wrap_beside
from reproaudit.report.wording import (
    escape,
    name_moment,
    show_name,
    show_prose,
    word_difference,
    word_replays,
    word_settings,
)

# The four kinds of evidence, as the model names them, and what each says where it is true.
EVIDENCE = (
    ("observed", "differs between runs on equal inputs"),
    ("replayed", "differs when the same call is repeated"),
    ("declared", "refused by torch.use_deterministic_algorithms(True)"),
    ("switched", "stable with that flag, not without"),
)
_ANSWERS = {True: "yes", False: "no", None: "-"}
_MEANING_AT = 15  # the column where the meaning of a kind of evidence starts


def describe_finding(finding: Finding, width: int) -> list[str]:
    """Return where a finding was born, why, what shows it, and what repairs it."""
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    place = show_place(finding.location)
    lines = wrap_beside("line", place if finding.op else place + times, width)
    if finding.op:
        lines += wrap_beside("op", show_name(finding.op) + times, width)
    lines += wrap_beside("when", name_moment(finding.phase, finding.step), width)
    if finding.module:
        lines += wrap_beside("module", show_name(finding.module), width)
    cause = f"{finding.cause.value} ({show_name(finding.rule)}): {show_prose(finding.title)}"
    lines += wrap_beside("cause", cause, width)
    lines += _describe_evidence(finding.evidence, width)
    if finding.difference:
        lines += wrap_beside("difference", word_difference(finding.difference), width)
    if finding.fix:
        lines += _describe_fix(finding.fix, width)
    return lines


def show_place(location: Location | None) -> str:
    """Return a location with its function."""
    return show_name(str(location)) if location else "unknown"


def show_answer(evidence: Evidence, kind: str) -> str:
    """Return `yes`, `no`, or `-` where it was not looked at."""
    return _ANSWERS[getattr(evidence, kind)]


def has_answers(evidence: Evidence) -> bool:
    """Return True if at least one kind of evidence was looked for."""
    return any(getattr(evidence, kind) is not None for kind, _ in EVIDENCE)


def _describe_evidence(evidence: Evidence, width: int) -> list[str]:
    lines: list[str] = []
    for text, inner in _tell_evidence(evidence):
        label = "" if lines else "evidence"
        lines += wrap_beside(label, text, width, inner)
    return lines


def _tell_evidence(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Yield each piece of evidence, and by how much its further lines are indented."""
    if has_answers(evidence):
        for kind, meaning in EVIDENCE:
            yield f"{kind}  {show_answer(evidence, kind):<3}  {meaning}", _MEANING_AT
    if evidence.replays is not None:
        yield word_replays(evidence.replays), 0
    for note in evidence.notes:
        yield show_prose(note), 0


def _describe_fix(fix: Fix, width: int) -> list[str]:
    lines: list[str] = []
    if fix.advice.strip():
        lines += wrap_beside("fix", show_prose(fix.advice), width)
    lines += wrap_beside("" if lines else "fix", word_settings(fix), width)
    for number, line in enumerate(fix.patch):
        # Code is not wrapped, and its indentation is part of it.
        lines.append(put_beside("" if number else "in code", escape(line)))
    return lines
