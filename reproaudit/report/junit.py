"""Owns the report for test dashboards: JUnit XML, one test case for each audited subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.issues import Issue, list_issues, name_subjects
from reproaudit.report.terminal import TerminalReport
from reproaudit.report.wording import VERDICTS, show_count, show_prose

_SUITE = "reproaudit"
_MOST = 100  # accepted findings that are listed
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
        cases = [
            _make_case(name, result, accepted)
            for name, result in zip(name_subjects(results), results, strict=True)
        ]
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite", name=_SUITE)
        suite.set("tests", str(len(cases)))
        for name, tag in _COUNTS.items():
            suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
        suite.extend(cases)
        ElementTree.indent(suites)
        body = ElementTree.tostring(suites, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _make_case(name: str, result: AuditResult, accepted: frozenset[str]) -> ElementTree.Element:
    """Return the test case of one subject. All text in it is printable, which XML 1.0 allows."""
    case = ElementTree.Element("testcase", classname=_SUITE, name=name)
    found = list_issues(result, accepted)
    errors = [issue for issue in found if issue.is_error]
    known = [issue for issue in found if issue.is_accepted]
    headline = f"{VERDICTS[result.verdict]}: {show_prose(result.headline)}".removesuffix(": ")
    report = TerminalReport().render(result)
    output = _list_accepted(known)
    if result.verdict is Verdict.NOT_AUDITED:
        error = ElementTree.SubElement(case, "error", type="not-audited", message=headline)
        error.text = report
    elif errors:
        failure = ElementTree.SubElement(case, "failure", type=errors[0].rule, message=headline)
        failure.text = report
    else:
        if known:
            message = f"{show_count(len(known), 'finding')} accepted in the baseline, and no other"
            ElementTree.SubElement(case, "skipped", type="accepted", message=message)
        output = report + output
    if output:
        ElementTree.SubElement(case, "system-out").text = output
    return case


def _list_accepted(known: Sequence[Issue]) -> str:
    if not known:
        return ""
    lines = ["", "Accepted in the baseline"]
    for issue in known[:_MOST]:
        lines.append(f"  {issue.fingerprint}  {issue.rule}  {issue.message}")
    if len(known) > _MOST:
        lines.append(f"  … and {len(known) - _MOST:,} more")
    return "\n".join(lines) + "\n"
