"""Owns the report for job summaries and merge requests: GitHub-flavoured Markdown, safe against
what it quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.issues import Issue, Kind, issues, subject_names
from reproaudit.report.wording import (
    VERDICTS,
    completeness_sentence,
    confidence_sentence,
    counted,
    difference_sentence,
    escaped,
    fix_state,
    moment,
    named,
    prose,
    replays_sentence,
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
class MarkdownReport:
    options: MarkdownOptions = MarkdownOptions()

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        audits = [
            (name, result, issues(result, accepted))
            for name, result in zip(subject_names(results), results, strict=True)
        ]
        kept = "\n".join([_title(results), *_table(audits)]) + "\n"
        left = self.options.max_bytes - _RESERVED - len(kept.encode())
        blocks = [block for name, result, found in audits for block in _blocks(name, result, found)]
        parts, cut = [kept], 0
        for block in blocks:
            size = len(block.encode())
            cut += size > left
            if size <= left:
                parts.append(block)
                left -= size
        if cut:
            parts.append(
                f"\n_{counted(cut, 'section')} left out: the report would be larger than "
                f"{self.options.max_bytes:,} bytes. The JSON report has all of it._\n"
            )
        return "".join(parts)


def text(words: str) -> str:
    """Return a stranger's sentence as Markdown that shows it: no markup, HTML, link or line break
    gets through."""
    shown = prose(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    # Bare addresses become links by themselves.
    return shown.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")


def code(words: str, in_table: bool = False) -> str:
    """Return a name as a code span, between more backticks than it holds itself; empty for an empty
    name."""
    shown = named(words)
    if not shown.strip():
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    span = f"{fence}{pad}{shown}{pad}{fence}"
    # A table is cut into cells before code spans are looked for.
    return span.replace("|", "\\|") if in_table else span


def _longest_run(words: str) -> int:
    return max(map(len, _BACKTICKS.findall(words)), default=0)


def _fenced(lines: Sequence[str], language: str) -> list[str]:
    shown = [escaped(line) for line in lines]
    fence = "`" * max(3, _longest_run("\n".join(shown)) + 1)
    return [f"{fence}{language}", *shown, fence]


def _title(results: Sequence[AuditResult]) -> str:
    if not results:
        return "## reproaudit: nothing was audited"
    told = [
        f"{sum(result.verdict is verdict for result in results):,} {word}"
        for verdict, word in VERDICTS.items()
        if any(result.verdict is verdict for result in results)
    ]
    return f"## reproaudit: {', '.join(told)}"


def _table(audits: Sequence[tuple[str, AuditResult, Sequence[Issue]]]) -> Iterator[str]:
    if not audits:
        return
    yield from (
        "",
        "| subject | verdict | first difference | cause | fix |",
        "|---|---|---|---|---|",
    )
    for name, result, found in audits[:_ROWS]:
        yield f"| {' | '.join([code(name, in_table=True), _verdict(found, result), *_first(result)])} |"
    if len(audits) > _ROWS:
        yield f"\n… and {counted(len(audits) - _ROWS, 'more subject')}"


def _verdict(found: Sequence[Issue], result: AuditResult) -> str:
    is_accepted = any(issue.is_accepted for issue in found) and not any(
        issue.is_error for issue in found
    )
    return VERDICTS[result.verdict] + (", accepted in the baseline" if is_accepted else "")


def _first(result: AuditResult) -> tuple[str, str, str]:
    if not result.findings:
        return "", "", ""
    finding = result.findings[0]
    places = [code(finding.op or "", True), code(str(finding.location or ""), True)]
    fix = finding.fix
    settings = ", ".join(code(name, True) for name in fix.settings) if fix is not None else ""
    state = ("verified" if fix.verified else "not verified") if fix is not None else ""
    return ", ".join(filter(None, places)), finding.cause.value, f"{settings} {state}".strip()


def _blocks(name: str, result: AuditResult, found: Sequence[Issue]) -> Iterator[str]:
    """Yield the sections of one subject; each is kept or left out as a whole."""
    known = [issue for issue in found if issue.is_accepted]
    new = [issue for issue in found if issue.finding is not None and not issue.is_accepted]
    yield _section([f"### {code(name) or 'unknown'}", "", _headline(result), *_sure(result)])
    for number, issue in enumerate(new, 1):
        assert issue.finding is not None
        yield _section(_finding(number, issue.finding))
    if known:
        yield _section(
            ["#### Accepted in the baseline", "", *_capped([_known(issue) for issue in known])]
        )
    warnings = [
        f"- {issue.rule}: {text(issue.message)}" for issue in found if issue.kind is Kind.WARNING
    ]
    risks = [
        f"- {text(issue.message)} {code(issue.where)}".rstrip()
        for issue in found
        if issue.kind is Kind.RISK
    ]
    notes = [f"- {text(note.what)}: {text(note.why)}" for note in result.not_checked]
    for title, lines in (("Warnings", warnings), ("Risks", risks), ("Not checked", notes)):
        if lines:
            yield _section([f"#### {title}", "", *_capped(lines)])


def _section(lines: Iterable[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def _headline(result: AuditResult) -> str:
    said = text(result.headline)
    return f"**{VERDICTS[result.verdict]}**" + (f": {said}" if said else "")


def _sure(result: AuditResult) -> Iterator[str]:
    runs = sum(map(len, result.classes)) or len(result.runs)
    sentences = [confidence_sentence(result, runs), completeness_sentence(result)]
    yield ""
    yield from (f"- {text(sentence)}" for sentence in sentences if sentence)
    if result.verdict is Verdict.NOT_REPRODUCIBLE and not result.findings:
        yield "- no source was located"


def _finding(number: int, finding: Finding) -> Iterator[str]:
    places = [code(finding.op or ""), code(str(finding.location or ""))]
    yield f"#### {number}. {', '.join(filter(None, places)) or 'a place that is not known'}"
    yield ""
    module = f", module {code(finding.module)}" if finding.module else ""
    times = f", {finding.count:,} times" if finding.count > 1 else ""
    yield f"- when: {text(moment(finding.phase, finding.step))}{module}{times}"
    yield f"- cause: **{finding.cause.value}** ({text(finding.rule)}): {text(finding.title)}"
    for note in [
        *([replays_sentence(finding.evidence.replays)] if finding.evidence.replays else []),
        *finding.evidence.notes,
    ]:
        yield f"- evidence: {text(note)}"
    if finding.difference is not None:
        yield f"- difference: {text(difference_sentence(finding.difference))}"
    if finding.fix is not None:
        settings = ", ".join(map(code, finding.fix.settings))
        state = f"{settings}: {fix_state(finding.fix)}" if settings else fix_state(finding.fix)
        yield "- fix: " + (
            f"{text(finding.fix.advice)}; {state}" if finding.fix.advice.strip() else state
        )
        if finding.fix.patch:
            yield from ("", *_fenced(finding.fix.patch, "diff"))


def _known(issue: Issue) -> str:
    return f"- {code(issue.fingerprint)}: {text(issue.message)}"


def _capped(lines: Sequence[str]) -> list[str]:
    cut = len(lines) - _ROWS
    return [*lines[:_ROWS], *([f"- … and {cut:,} more"] if cut > 0 else [])]
