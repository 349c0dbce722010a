"""Owns a finding in full, as labelled lines of text for a screen."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.events import Location
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.report.layout import put_beside, wrap_beside
from reproaudit.report.moments import name_when
from reproaudit.report.wording import (
    has_diff,
    name_call,
    name_source,
    show_code,
    show_name,
    show_prose,
    word_difference,
    word_patch,
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
_OTHERWISE = {
    "observed": "equal between runs on equal inputs",
    "replayed": "equal each time that the same call is repeated",
    "declared": "not refused by torch.use_deterministic_algorithms(True)",
    "switched": "not repaired by that flag",
}
_NOT_TRIED = "not looked at"
_ANSWERS = {True: "yes", False: "no", None: "-"}
_KIND_WIDTH = 10  # characters that a kind of evidence and its gap take
_ANSWER_WIDTH = 5


def describe_finding(finding: Finding, width: int) -> list[str]:
    """Return where a finding was born, why, what shows it, and what repairs it."""
    times = ""
    if finding.count > 1:
        times = f" ({finding.count:,} times)"
    place = show_place(finding.location)
    # How often stands with what happened: with the operator, or with the line if there is none.
    if finding.op or finding.call:
        lines = wrap_beside("line", place, width)
        label = "op" if finding.op else "call"
        source = name_source(finding)
        if not finding.op:
            source = name_call_in_full(finding)
        lines += wrap_beside(label, source + times, width)
        if finding.op and finding.call:
            lines += wrap_beside("call", name_call_in_full(finding), width)
    else:
        lines = wrap_beside("line", place + times, width)
    lines += wrap_beside("when", name_when(finding), width)
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


def name_call_in_full(finding: Finding) -> str:
    called = name_call(finding)
    if finding.below is not None and finding.call:
        called += f", which calls {show_name(finding.call)}"
    return called


def show_place(location: Location | None) -> str:
    """Return a location with its function."""
    if not location:
        return "unknown"
    return show_name(str(location))


def show_answer(evidence: Evidence, kind: str) -> str:
    """Return `yes`, `no`, or `-` where it was not looked at."""
    return _ANSWERS[getattr(evidence, kind)]


def word_answer(evidence: Evidence, kind: str) -> str:
    """Say what an answer means: a row must not read as a claim that the evidence does not make."""
    answer = getattr(evidence, kind)
    if answer is None:
        return _NOT_TRIED
    return dict(EVIDENCE)[kind] if answer else _OTHERWISE[kind]


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
        for kind, _ in EVIDENCE:
            answer = show_answer(evidence, kind)
            meaning = word_answer(evidence, kind)
            row = put_beside(kind, put_beside(answer, meaning, _ANSWER_WIDTH), _KIND_WIDTH)
            yield row, _KIND_WIDTH + _ANSWER_WIDTH
    if evidence.replays is not None:
        yield word_replays(evidence.replays), 0
    for note in evidence.notes:
        yield show_prose(note), 0


def _describe_fix(fix: Fix, width: int) -> list[str]:
    lines: list[str] = []
    if fix.advice.strip():
        lines += wrap_beside("fix", show_prose(fix.advice), width)
    label = "" if lines else "fix"
    lines += wrap_beside(label, word_settings(fix), width)
    label = "in code"
    if has_diff(fix) or fix.patch_note:
        lines += wrap_beside("patch", word_patch(fix), width)
    if has_diff(fix):
        label = ""
    for line in fix.patch:
        # Code is not wrapped, and its indentation is part of it.
        lines.append(put_beside(label, show_code(line)))
        label = ""
    return lines
