"""Owns the report for test dashboards: JUnit XML, one test case for each audited subject, and for
each part of an answer that has parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.issue import Issue
from reproaudit.report.issues import list_issues, name_subjects
from reproaudit.report.questions.parts import Part, State, list_parts
from reproaudit.report.terminal import TerminalReport, lay_out
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import show_count, show_prose

_SUITE = "reproaudit"
_MOST = 100  # accepted findings that are listed
_MOST_PARTS = 1_000  # test cases of one answer
_WIDTH = 98
# The attributes that count test cases, by the element that a counted case holds.
_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class JunitReport:
    """A divergence is a failure, an audit that could not be done an error, one that is accepted in
    full is skipped.

    No times are given: they would differ from rendering to rendering.
    """

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        cases = []
        names = name_subjects(results)
        for name, result in zip(names, results, strict=True):
            parts = list_parts(result, accepted)
            is_told = any(part.state is State.BAD for part in parts)
            cases.append(_make_case(name, result, accepted, is_told=is_told))
            cases += _list_part_cases(name, parts)
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite", name=_SUITE)
        suite.set("tests", str(len(cases)))
        for name, tag in _COUNTS.items():
            marked = [case for case in cases if case.find(tag) is not None]
            suite.set(name, str(len(marked)))
        suite.extend(cases)
        ElementTree.indent(suites)
        body = ElementTree.tostring(suites, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _make_case(
    name: str, result: AuditResult, accepted: frozenset[str], *, is_told: bool
) -> ElementTree.Element:
    """Return the test case of one subject. All text in it is printable, which XML 1.0 allows.

    `is_told`: parts of it fail in its place.
    """
    case = ElementTree.Element("testcase", classname=_SUITE, name=name)
    found = list_issues(result, accepted)
    errors = [issue for issue in found if issue.is_error]
    known = [issue for issue in found if issue.is_accepted]
    verdict = name_answer(result)
    said = show_prose(result.headline)
    headline = verdict
    if said:
        headline += f": {said}"
    # Dashboards show the text of a case as it is, so it is the report for a screen.
    report = TerminalReport().render(result)
    output = _describe_known(known)
    if result.verdict is Verdict.NOT_AUDITED:
        error = ElementTree.SubElement(case, "error", type="not-audited", message=headline)
        error.text = report
    elif errors and not is_told:
        # A case has one type: that of the gravest issue, which comes first.
        rule = errors[0].rule
        failure = ElementTree.SubElement(case, "failure", type=rule, message=headline)
        failure.text = report
    else:
        if known and not errors:
            findings = show_count(len(known), "finding")
            message = f"{findings} accepted in the baseline, and no other"
            ElementTree.SubElement(case, "skipped", type="accepted", message=message)
        output = report + output
    if output:
        ElementTree.SubElement(case, "system-out").text = output
    return case


def _list_part_cases(name: str, parts: Sequence[Part]) -> Iterator[ElementTree.Element]:
    for part in parts[:_MOST_PARTS]:
        case = ElementTree.Element("testcase", classname=_SUITE, name=f"{name}: {part.name}")
        text = "\n".join(lay_out(part.blocks, _WIDTH))
        if part.state is State.BAD:
            ElementTree.SubElement(case, "failure", type=part.kind, message=part.said).text = text
        elif part.state is State.GOOD:
            if text:
                ElementTree.SubElement(case, "system-out").text = text
        else:
            kind = "accepted" if part.state is State.ACCEPTED else "not-tried"
            ElementTree.SubElement(case, "skipped", type=kind, message=part.said)
        yield case
    cut = len(parts) - _MOST_PARTS
    if cut > 0:
        message = "they are in the JSON report"
        left = show_count(cut, "more part")
        case = ElementTree.Element("testcase", classname=_SUITE, name=f"{name}: {left}")
        ElementTree.SubElement(case, "skipped", type="cut", message=message)
        yield case


def _describe_known(known: Sequence[Issue]) -> str:
    if not known:
        return ""
    lines = ["", "Accepted in the baseline"]
    for issue in known[:_MOST]:
        lines.append(f"  {issue.fingerprint}  {issue.rule}  {issue.message}")
    if len(known) > _MOST:
        lines.append(f"  … and {len(known) - _MOST:,} more")
    return "\n".join(lines) + "\n"
