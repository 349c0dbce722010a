"""What `reproaudit ci` says on stdout: each subject in a line or a few, then the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reproaudit.gate.baseline import BaselineEntry, list_entries
from reproaudit.gate.ruling import Ruling, SubjectAudit
from reproaudit.model.result import Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.layout import put_beside
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.verdicts import VERDICTS, name_answer
from reproaudit.report.wording import (
    show_count,
    show_name,
    show_prose,
    word_fix_state,
    word_warning,
)

_GAP = 2
# The verdicts stand in a column of their own; what is said of a subject stands beside it.
_WIDTH = max(map(len, VERDICTS.values())) + _GAP
_OUTCOMES = {0: "passed", 1: "failed", 2: "could not be decided"}


def render_summary(
    ruling: Ruling,
    baseline: str,
    change: Sequence[BaselineEntry] | None,
    *,
    is_first: bool,
) -> str:
    """Return the summary as lines of text.

    `baseline` is the file's name; empty if there is no such file. `change` is what
    --update-baseline wrote at first or took out; None: it was not asked for.
    """
    lines: list[str] = []
    for one in ruling.audited:
        lines += _describe_subject(one, ruling.accepted)
    for text in _find_common_warnings(ruling):
        lines.append(f"warning: {text}")
    lines.append("")
    lines += _describe_baseline(ruling, baseline, change, is_first=is_first)
    lines.append("")
    lines.append(_describe_outcome(ruling))
    summary = "\n".join(lines)
    return f"{summary}\n"


def _find_common_warnings(ruling: Ruling) -> list[str]:
    """Return what is said of every subject, in alphabetical order.

    What is said of one subject stands in its report; what is said of all is about the
    configuration.
    """
    said: list[set[str]] = []
    for one in ruling.audited:
        # A subject that could not be audited says nothing, and would leave nothing in common.
        if one.error is not None:
            continue
        texts = {show_prose(word_warning(warning)) for warning in one.result.warnings}
        said.append(texts)
    if not said:
        return []
    return sorted(set.intersection(*said))


def _describe_subject(one: SubjectAudit, accepted: frozenset[str]) -> Iterator[str]:
    verdict = name_answer(one.result)
    subject = show_name(one.result.subject)
    yield put_beside(verdict, subject, _WIDTH)
    for line in _describe_result(one, accepted):
        yield put_beside("", line, _WIDTH)


def _describe_result(one: SubjectAudit, accepted: frozenset[str]) -> Iterator[str]:
    result = one.result
    if one.error is not None:
        # The reports have the message; the hint, which may quote the program's last output, is only
        # here.
        for line in str(one.error).splitlines():
            yield show_name(line)
        return
    if result.verdict is Verdict.REPRODUCIBLE:
        return
    moved = move_to_working_folder(result)
    yield show_prose(moved.headline)
    entries = list_entries(result)
    # Where no source was located there is an entry and no finding.
    findings: dict[str, Finding] = {}
    for entry, finding in zip(entries, moved.findings, strict=False):
        findings[entry.fingerprint] = finding
    for entry in entries:
        mark = entry.fingerprint
        state = "accepted" if mark in accepted else "new"
        if result.verdict is Verdict.WITHIN_TOLERANCE:
            state = "within tolerance"
        shown = _show_entry(entry)
        yield f"{state}: {shown}  [{mark}]"
        # What is accepted was read before; its repair stands in the report.
        if state != "new" or mark not in findings:
            continue
        for line in _describe_finding(findings[mark]):
            yield put_beside("", line, _GAP)
    if result.is_complete is False:
        yield "further sources may be hidden behind these: not all are known"


def _describe_finding(finding: Finding) -> Iterator[str]:
    cause = finding.cause.value
    title = show_prose(finding.title)
    said = f"{cause}: {title}"
    if finding.location:
        said += f", {finding.location}"
    yield said
    fix = finding.fix
    if fix is not None:
        advice = show_prose(fix.advice)
        settings = ", ".join(show_name(name) for name in fix.settings)
        state = word_fix_state(fix)
        parts = [part for part in (advice, settings, state) if part]
        shown = ", ".join(parts)
        yield f"fix: {shown}"
    rule = show_name(finding.rule)
    yield f"next: reproaudit explain {rule}"


def _show_entry(entry: BaselineEntry) -> str:
    shown: list[str] = []
    for part in (entry.rule, entry.op, entry.location):
        if part:
            shown.append(show_name(part))
    return " ".join(shown)


def _describe_baseline(
    ruling: Ruling,
    baseline: str,
    change: Sequence[BaselineEntry] | None,
    *,
    is_first: bool,
) -> Iterator[str]:
    if not baseline:
        yield "no baseline: nothing is accepted; --update-baseline makes one of what differs now"
        return
    counts = [f"{len(ruling.known)} accepted and present"]
    if ruling.unseen:
        counts.append(f"{len(ruling.unseen)} accepted and not seen this time")
    name = show_name(baseline)
    shown_counts = ", ".join(counts)
    yield f"baseline {name}: {shown_counts}"
    if change is not None:
        yield from _describe_change(change, is_first=is_first)
    for entry in ruling.gone:
        subject = show_name(entry.subject)
        shown = _show_entry(entry)
        yield f"  fixed: {subject}: {shown}; remove it with --update-baseline"
    if ruling.new and change is not None:
        yield (
            "  what is new is not added: a baseline only shrinks. "
            "Repair it, or write its entry by hand"
        )


def _describe_change(change: Sequence[BaselineEntry], *, is_first: bool) -> Iterator[str]:
    verb = "accepted" if is_first else "removed"
    for entry in change:
        subject = show_name(entry.subject)
        shown = _show_entry(entry)
        yield f"  {verb}: {subject}: {shown}"
    if change:
        return
    if is_first:
        yield "  nothing differs: it is empty"
    else:
        yield "  nothing to remove"


def _describe_outcome(ruling: Ruling) -> str:
    verdicts = [result.verdict for result in ruling.results]
    failed = verdicts.count(Verdict.NOT_AUDITED)
    subjects = show_count(len(verdicts), "subject")
    parts = [subjects]
    if ruling.new:
        divergences = show_count(len(ruling.new), "divergence")
        parts.append(f"{divergences} not accepted")
    if failed:
        parts.append(f"{failed} not audited")
    # The same number as the exit status, so that what is said and what a pipeline sees agree.
    outcome = _OUTCOMES[ruling.exit_code]
    shown = ", ".join(parts)
    return f"{shown}: {outcome}"
