"""Owns the report for job summaries and merge requests: GitHub-flavoured Markdown, safe against
what it quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Evidence, Finding, Fix
from reproaudit.model.verdict import Verdict
from reproaudit.report.issues import Issue, Kind, list_issues, name_subjects
from reproaudit.report.wording import (
    VERDICTS,
    escape,
    name_moment,
    show_count,
    show_name,
    show_prose,
    word_completeness,
    word_confidence,
    word_difference,
    word_fix_state,
    word_replays,
)

_SPECIAL = re.compile(r"([\\`*_\[\]|~$#!])")
_BACKTICKS = re.compile(r"`+")
_RESERVED = 2_000  # bytes kept for saying what was cut
_ROWS = 100  # subjects in the table, and lines of any list


@dataclass(frozen=True, slots=True)
class MarkdownOptions:
    """`max_bytes`: GitHub refuses a job summary above 1 MiB. What does not fit is left out whole
    and counted."""

    max_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class _Audit:
    """One audit with all that the report says of it."""

    name: str
    result: AuditResult
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class MarkdownReport:
    options: MarkdownOptions = MarkdownOptions()

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        audits = [
            _Audit(name=name, result=result, issues=list_issues(result, accepted))
            for name, result in zip(name_subjects(results), results, strict=True)
        ]
        overview = "\n".join([_make_title(results), *_make_table(audits)]) + "\n"
        sections = [section for audit in audits for section in _make_sections(audit)]
        return overview + self._fit(sections, self.options.max_bytes - len(overview.encode()))

    def _fit(self, sections: Iterable[str], max_bytes: int) -> str:
        """Return the sections that fit, each as a whole, and how many do not."""
        left = max_bytes - _RESERVED
        kept = []
        cut = 0
        for section in sections:
            size = len(section.encode())
            if size > left:
                cut += 1
            else:
                kept.append(section)
                left -= size
        if cut:
            kept.append(
                f"\n_{show_count(cut, 'section')} left out: the report would be larger than "
                f"{self.options.max_bytes:,} bytes. The JSON report has all of it._\n"
            )
        return "".join(kept)


# -- text that is safe to show


def text(words: str) -> str:
    """Return a stranger's sentence as Markdown that shows it: no markup, HTML, link or line break
    gets through."""
    shown = show_prose(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    # Bare addresses become links by themselves.
    return shown.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")


def code(words: str, *, in_table: bool = False) -> str:
    """Return a name as a code span, between more backticks than it holds itself; empty for an empty
    name."""
    shown = show_name(words)
    if not shown.strip():
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    touches_fence = shown[0] in "` " or shown[-1] in "` "
    pad = " " if touches_fence else ""
    span = f"{fence}{pad}{shown}{pad}{fence}"
    # A table is cut into cells before code spans are looked for.
    return span.replace("|", "\\|") if in_table else span


def _longest_run(words: str) -> int:
    return max(map(len, _BACKTICKS.findall(words)), default=0)


def _fence(lines: Sequence[str], language: str) -> list[str]:
    shown = [escape(line) for line in lines]
    fence = "`" * max(3, _longest_run("\n".join(shown)) + 1)
    return [f"{fence}{language}", *shown, fence]


# -- all subjects


def _make_title(results: Sequence[AuditResult]) -> str:
    if not results:
        return "## reproaudit: nothing was audited"
    counts = []
    for verdict, word in VERDICTS.items():
        number = sum(result.verdict is verdict for result in results)
        if number:
            counts.append(f"{number:,} {word}")
    return f"## reproaudit: {', '.join(counts)}"


def _make_table(audits: Sequence[_Audit]) -> Iterator[str]:
    if not audits:
        return
    yield ""
    yield "| subject | verdict | first difference | cause | fix |"
    yield "|---|---|---|---|---|"
    for audit in audits[:_ROWS]:
        cells = [
            code(audit.name, in_table=True),
            _show_verdict(audit),
            *_show_first_finding(audit.result),
        ]
        yield f"| {' | '.join(cells)} |"
    if len(audits) > _ROWS:
        yield f"\n… and {show_count(len(audits) - _ROWS, 'more subject')}"


def _show_verdict(audit: _Audit) -> str:
    has_errors = any(issue.is_error for issue in audit.issues)
    is_accepted = not has_errors and any(issue.is_accepted for issue in audit.issues)
    word = VERDICTS[audit.result.verdict]
    return f"{word}, accepted in the baseline" if is_accepted else word


def _show_first_finding(result: AuditResult) -> tuple[str, str, str]:
    """Return the cells `first difference`, `cause` and `fix`."""
    if not result.findings:
        return "", "", ""
    finding = result.findings[0]
    op = code(finding.op or "", in_table=True)
    place = code(str(finding.location or ""), in_table=True)
    where = ", ".join(filter(None, (op, place)))
    return where, finding.cause.value, _show_fix(finding.fix)


def _show_fix(fix: Fix | None) -> str:
    if fix is None:
        return ""
    settings = ", ".join(code(name, in_table=True) for name in fix.settings)
    state = "verified" if fix.verified else "not verified"
    return f"{settings} {state}".strip()


# -- one subject


def _make_sections(audit: _Audit) -> Iterator[str]:
    """Yield the sections of one subject; each is kept or left out as a whole."""
    result = audit.result
    yield _section([f"### {code(audit.name) or 'unknown'}", "", *_say_verdict(result)])
    number = 0
    for issue in audit.issues:
        if issue.finding is not None and not issue.is_accepted:
            number += 1
            yield _section(_describe_finding(number, issue.finding))
    known = [issue for issue in audit.issues if issue.is_accepted]
    warnings = [issue for issue in audit.issues if issue.kind is Kind.WARNING]
    risks = [issue for issue in audit.issues if issue.kind is Kind.RISK]
    yield from _list("Accepted in the baseline", map(_list_accepted, known))
    yield from _list("Warnings", map(_list_warning, warnings))
    yield from _list("Risks", map(_list_risk, risks))
    notes = [f"- {text(note.what)}: {text(note.why)}" for note in result.not_checked]
    yield from _list("Not checked", notes)


def _section(lines: Iterable[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def _list(title: str, entries: Iterable[str]) -> Iterator[str]:
    """Yield a section that lists the entries; nothing if there are none."""
    lines = list(entries)
    if not lines:
        return
    cut = len(lines) - _ROWS
    more = [f"- … and {cut:,} more"] if cut > 0 else []
    yield _section([f"#### {title}", "", *lines[:_ROWS], *more])


def _list_accepted(issue: Issue) -> str:
    return f"- {code(issue.fingerprint)}: {text(issue.message)}"


def _list_warning(issue: Issue) -> str:
    return f"- {issue.rule}: {text(issue.message)}"


def _list_risk(issue: Issue) -> str:
    return f"- {text(issue.message)} {code(issue.where)}".rstrip()


def _say_verdict(result: AuditResult) -> Iterator[str]:
    said = text(result.headline)
    word = f"**{VERDICTS[result.verdict]}**"
    yield f"{word}: {said}" if said else word
    yield ""
    for sentence in (word_confidence(result), word_completeness(result)):
        if sentence:
            yield f"- {text(sentence)}"
    if result.verdict is Verdict.NOT_REPRODUCIBLE and not result.findings:
        yield "- no source was located"


def _describe_finding(number: int, finding: Finding) -> Iterator[str]:
    places = [code(finding.op or ""), code(str(finding.location or ""))]
    yield f"#### {number}. {', '.join(filter(None, places)) or 'a place that is not known'}"
    yield ""
    module = f", module {code(finding.module)}" if finding.module else ""
    times = f", {finding.count:,} times" if finding.count > 1 else ""
    yield f"- when: {text(name_moment(finding.phase, finding.step))}{module}{times}"
    yield f"- cause: **{finding.cause.value}** ({text(finding.rule)}): {text(finding.title)}"
    for note in _tell_evidence(finding.evidence):
        yield f"- evidence: {text(note)}"
    if finding.difference is not None:
        yield f"- difference: {text(word_difference(finding.difference))}"
    if finding.fix is not None:
        yield from _describe_fix(finding.fix)


def _tell_evidence(evidence: Evidence) -> Iterator[str]:
    if evidence.replays is not None:
        yield word_replays(evidence.replays)
    yield from evidence.notes


def _describe_fix(fix: Fix) -> Iterator[str]:
    state = word_fix_state(fix)
    if fix.settings:
        state = f"{', '.join(map(code, fix.settings))}: {state}"
    advice = f"{text(fix.advice)}; " if fix.advice.strip() else ""
    yield f"- fix: {advice}{state}"
    if fix.patch:
        yield ""
        yield from _fence(fix.patch, "diff")
