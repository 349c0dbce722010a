"""Owns a finding in full, for a screen."""

from __future__ import annotations

from reproaudit.knowledge.rules import QUESTION_RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.report.blocks import Answer, Block, Code, Fact
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
NOT_LOOKED_AT = "-"
_ANSWERS = {True: "yes", False: "no", None: NOT_LOOKED_AT}


def describe_finding(finding: Finding) -> list[Block]:
    """Return where a finding was born, why, what shows it, and what repairs it."""
    times = ""
    if finding.count > 1:
        times = f" ({finding.count:,} times)"
    place = show_place(finding.location)
    blocks: list[Block] = []
    # How often stands with what happened: with the operator, or with the line if there is none.
    if finding.op or finding.call:
        blocks.append(Fact("line", place))
        label = "op" if finding.op else "call"
        source = name_source(finding)
        if not finding.op:
            source = name_call_in_full(finding)
        blocks.append(Fact(label, source + times))
        if finding.op and finding.call:
            blocks.append(Fact("call", name_call_in_full(finding)))
    else:
        blocks.append(Fact("line", place + times))
    blocks.append(Fact("when", name_when(finding)))
    if finding.module:
        blocks.append(Fact("module", show_name(finding.module)))
    cause = f"{finding.cause.value} ({show_name(finding.rule)}): {show_prose(finding.title)}"
    if finding.cause is Cause.UNKNOWN and finding.rule in QUESTION_RULES:
        # None of the causes of an audit; the rule says what it is.
        cause = f"{show_name(finding.rule)}: {show_prose(finding.title)}"
    blocks.append(Fact("cause", cause))
    blocks += _describe_evidence(finding.evidence)
    if finding.difference:
        blocks.append(Fact("difference", word_difference(finding.difference)))
    if finding.fix:
        blocks += _describe_fix(finding.fix)
    return blocks


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


def _describe_evidence(evidence: Evidence) -> list[Block]:
    label = "evidence"
    blocks: list[Block] = []
    if has_answers(evidence):
        for kind, _ in EVIDENCE:
            answer = show_answer(evidence, kind)
            blocks.append(Answer(label, kind, answer, word_answer(evidence, kind)))
            label = ""
    said = [word_replays(evidence.replays)] if evidence.replays is not None else []
    said += map(show_prose, evidence.notes)
    for text in filter(None, said):
        blocks.append(Fact(label, text))
        label = ""
    return blocks


def _describe_fix(fix: Fix) -> list[Block]:
    blocks: list[Block] = []
    label = "fix"
    if fix.advice.strip():
        blocks.append(Fact(label, show_prose(fix.advice)))
        label = ""
    blocks.append(Fact(label, word_settings(fix)))
    is_diff = has_diff(fix)
    if is_diff or fix.patch_note:
        blocks.append(Fact("patch", word_patch(fix)))
    if fix.patch:
        label = "" if is_diff else "in code"
        blocks.append(Code(label, tuple(map(show_code, fix.patch)), is_diff))
    return blocks
