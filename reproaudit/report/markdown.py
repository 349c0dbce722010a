"""Owns the report for job summaries and merge requests: GitHub-flavoured Markdown, safe against
what it quotes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Finding, Fix
from reproaudit.model.verdict import Verdict
from reproaudit.report.confidence import word_confidence
from reproaudit.report.issue import Issue, Kind
from reproaudit.report.issues import list_issues, name_subjects
from reproaudit.report.markdown_blocks import write_sections
from reproaudit.report.markdown_text import code, fence, text
from reproaudit.report.moments import name_when
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.sections import list_question_sections
from reproaudit.report.questions.variation_rows import choose_finding, list_own_findings
from reproaudit.report.run_counts import word_further_runs, word_load
from reproaudit.report.verdicts import OF_RUNS, count_answers, name_answer
from reproaudit.report.wording import (
    has_diff,
    name_source,
    show_count,
    word_completeness,
    word_difference,
    word_fix_state,
    word_patch,
    word_replays,
)

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
        audits = []
        names = name_subjects(results)
        for name, result in zip(names, results, strict=True):
            issues = list_issues(result, accepted)
            moved = move_to_working_folder(result)
            audits.append(_Audit(name=name, result=moved, issues=issues))
        overview = "\n".join([_make_title(results), *_make_table(audits)]) + "\n"
        sections: list[str] = []
        for audit in audits:
            sections += _make_sections(audit)
        # The overview is always whole: it is short, and it answers the question.
        left = self.options.max_bytes - len(overview.encode())
        return overview + self._fit(sections, left)

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
            sections_cut = show_count(cut, "section")
            kept.append(
                f"\n_{sections_cut} left out: the report would be larger than "
                f"{self.options.max_bytes:,} bytes. The JSON report has all of it._\n"
            )
        return "".join(kept)


# -- all subjects


def _make_title(results: Sequence[AuditResult]) -> str:
    if not results:
        return "## reproaudit: nothing was audited"
    said = ", ".join(count_answers(results))
    return f"## reproaudit: {said}"


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
        row = " | ".join(cells)
        yield f"| {row} |"
    if len(audits) > _ROWS:
        cut = show_count(len(audits) - _ROWS, "more subject")
        yield f"\n… and {cut}"


def _show_verdict(audit: _Audit) -> str:
    has_errors = any(issue.is_error for issue in audit.issues)
    has_accepted = any(issue.is_accepted for issue in audit.issues)
    word = name_answer(audit.result)
    if has_accepted and not has_errors:
        word += ", accepted in the baseline"
    return word


def _show_first_finding(result: AuditResult) -> tuple[str, str, str]:
    """Return the cells `first difference`, `cause` and `fix`."""
    finding = choose_finding(result)
    if finding is None:
        return "", "", ""
    op = code(name_source(finding), in_table=True)
    place = code(str(finding.location or ""), in_table=True)
    known = [part for part in (op, place) if part]
    where = ", ".join(known)
    cause = finding.cause.value
    fix = _show_fix(finding.fix)
    return where, cause, fix


def _show_fix(fix: Fix | None) -> str:
    if fix is None:
        return ""
    names = [code(name, in_table=True) for name in fix.settings]
    settings = ", ".join(names)
    state = "not verified"
    if fix.verified:
        state = "verified"
    if fix.verified and fix.together:
        # The names stand in the section of the subject: a cell has no room for them.
        state = f"verified together with {show_count(len(fix.together), 'other')}"
    return f"{settings} {state}".strip()


# -- one subject


def _make_sections(audit: _Audit) -> Iterator[str]:
    """Yield the sections of one subject; each is kept or left out as a whole."""
    result = audit.result
    title = code(audit.name) or "unknown"
    yield _section([f"### {title}", "", *_say_verdict(result)])
    sections = list_question_sections(result, max_rows=_ROWS)
    for lines in write_sections(sections):
        yield _section(lines)
    number = 0
    told: dict[str, int] = {}
    # That of a variation stands with it.
    own = {result.findings[number] for number in list_own_findings(result)}
    for issue in audit.issues:
        if issue.is_accepted or issue.finding not in own:
            continue
        number += 1
        yield _section(_describe_finding(number, issue.finding, told))
    known = []
    warnings = []
    risks = []
    for issue in audit.issues:
        if issue.is_accepted:
            known.append(_describe_known(issue))
        if issue.kind is Kind.WARNING:
            warnings.append(_describe_warning(issue))
        if issue.kind is Kind.RISK:
            risks.append(_describe_risk(issue))
    notes = []
    for note in result.not_checked:
        what = text(note.what)
        why = text(note.why)
        notes.append(f"- {what}: {why}")
    yield from _list("Accepted in the baseline", known)
    yield from _list("Warnings", warnings)
    yield from _list("Risks", risks)
    yield from _list("Not checked", notes)
    if result.next_commands:
        yield _section(["#### Next", "", *fence(result.next_commands, "console")])


def _section(lines: Iterable[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def _list(title: str, entries: Sequence[str]) -> Iterator[str]:
    """Yield a section that lists the entries; nothing if there are none."""
    if not entries:
        return
    lines = [f"#### {title}", "", *entries[:_ROWS]]
    cut = len(entries) - _ROWS
    if cut > 0:
        lines.append(f"- … and {cut:,} more")
    yield _section(lines)


def _describe_known(issue: Issue) -> str:
    return f"- {code(issue.fingerprint)}: {text(issue.message)}"


def _describe_warning(issue: Issue) -> str:
    return f"- {text(issue.rule)}: {text(issue.message)}"


def _describe_risk(issue: Issue) -> str:
    return f"- {text(issue.message)} {code(issue.where)}".rstrip()


def _say_verdict(result: AuditResult) -> Iterator[str]:
    said = text(result.headline)
    word = f"**{name_answer(result)}**"
    if said:
        yield f"{word}: {said}"
    else:
        yield word
    yield ""
    sentences = (
        word_confidence(result),
        word_completeness(result),
        word_further_runs(result),
        word_load(result),
    )
    for sentence in sentences:
        if sentence:
            yield f"- {text(sentence)}"
    is_of_runs = result.question in OF_RUNS
    if is_of_runs and result.verdict is Verdict.NOT_REPRODUCIBLE and not result.findings:
        yield "- no source was located"


def _describe_finding(number: int, finding: Finding, told: dict[str, int]) -> Iterator[str]:
    """Yield what a finding says.

    `told` are patches and notes of earlier findings, which are said once.
    """
    op = code(name_source(finding))
    location = code(str(finding.location or ""))
    places = [place for place in (op, location) if place]
    title = ", ".join(places) or "a place that is not known"
    yield f"#### {number}. {title}"
    yield ""
    when = text(name_when(finding))
    if finding.module:
        when += f", module {code(finding.module)}"
    if finding.count > 1:
        when += f", {finding.count:,} times"
    yield f"- when: {when}"
    cause = finding.cause.value
    rule = text(finding.rule)
    yield f"- cause: **{cause}** ({rule}): {text(finding.title)}"
    if finding.evidence.replays is not None:
        yield f"- evidence: {text(word_replays(finding.evidence.replays))}"
    for note in finding.evidence.notes:
        if told.setdefault(note, number) == number:
            yield f"- evidence: {text(note)}"
    if finding.difference is not None:
        yield f"- difference: {text(word_difference(finding.difference))}"
    if finding.fix is not None:
        yield from _describe_fix(number, finding.fix, told)


def _describe_fix(number: int, fix: Fix, told: dict[str, int]) -> Iterator[str]:
    # It holds names of interventions, which a stranger's result may have made up.
    state = text(word_fix_state(fix))
    if fix.settings:
        settings = ", ".join(map(code, fix.settings))
        state = f"{settings}: {state}"
    if fix.advice.strip():
        state = f"{text(fix.advice)}; {state}"
    yield f"- fix: {state}"
    first = told.setdefault("\n".join(fix.patch), number)
    if has_diff(fix) and first != number:
        yield f"- patch: that of {first}, which repairs this too"
        return
    if has_diff(fix) or fix.patch_note:
        yield f"- patch: {text(word_patch(fix))}"
    if fix.patch:
        yield ""
        yield from fence(fix.patch, "diff")
