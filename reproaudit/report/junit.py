"""Owns the report for test dashboards: JUnit XML, one test case for each audited subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.issues import Issue, issues, subject_names
from reproaudit.report.terminal import TerminalReport
from reproaudit.report.wording import VERDICTS, counted, prose

_SUITE = "reproaudit"
_MOST = 100  # accepted findings that are listed


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
            _case(name, result, accepted)
            for name, result in zip(subject_names(results), results, strict=True)
        ]
        counts = {"tests": len(cases)} | {
            name: sum(case.find(tag) is not None for case in cases)
            for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        }
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite", name=_SUITE)
        suite.attrib |= {name: str(count) for name, count in counts.items()}
        suite.extend(cases)
        ElementTree.indent(suites)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _case(name: str, result: AuditResult, accepted: frozenset[str]) -> ElementTree.Element:
    """Return the test case of one subject. All text in it is printable, which XML 1.0 allows."""
    case = ElementTree.Element("testcase", classname=_SUITE, name=name)
    found = issues(result, accepted)
    errors, known = (
        [issue for issue in found if issue.is_error],
        [issue for issue in found if issue.is_accepted],
    )
    headline = f"{VERDICTS[result.verdict]}: {prose(result.headline)}".removesuffix(": ")
    report, notes = TerminalReport().render(result), _listed(known)
    if result.verdict is Verdict.NOT_AUDITED:
        _add(case, "error", "not-audited", headline, report)
    elif errors:
        _add(case, "failure", errors[0].rule, headline, report)
    else:
        if known:
            _add(
                case,
                "skipped",
                "accepted",
                f"{counted(len(known), 'finding')} accepted in the baseline, and no other",
            )
        notes = report + notes
    if notes:
        ElementTree.SubElement(case, "system-out").text = notes
    return case


def _add(
    case: ElementTree.Element, tag: str, kind: str, message: str, text: str | None = None
) -> None:
    ElementTree.SubElement(case, tag, type=kind, message=message).text = text


def _listed(known: Sequence[Issue]) -> str:
    if not known:
        return ""
    lines = [f"  {issue.fingerprint}  {issue.rule}  {issue.message}" for issue in known[:_MOST]]
    more = [f"  … and {len(known) - _MOST:,} more"] if len(known) > _MOST else []
    return "\n".join(["", "Accepted in the baseline", *lines, *more]) + "\n"
