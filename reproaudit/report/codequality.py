"""Owns the report for GitLab's merge requests: Code Quality JSON, a subset of the Code Climate
format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult
from reproaudit.report.issue import OF_QUESTIONS, Issue, Kind, find_subject_path
from reproaudit.report.issues import list_issues
from reproaudit.report.json_text import write_json

_SEVERITIES = {
    Kind.NOT_AUDITED: "critical",
    Kind.FINDING: "major",
    Kind.NO_SOURCE: "major",
    Kind.WARNING: "minor",
    Kind.RISK: "info",
    **dict.fromkeys(OF_QUESTIONS, "major"),
}


@dataclass(frozen=True, slots=True)
class CodeQualityReport:
    """An entry needs a file there: an issue without a line of its own gets the start of the
    subject, and says so.

    What was not checked is no issue and has no place in this format.
    """

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        entries: dict[str, dict[str, object]] = {}
        for result in results:
            for issue in list_issues(result, accepted):
                # One source may be found in several audits of a subject, and fingerprints must be
                # unique.
                entries.setdefault(issue.fingerprint, _make_entry(result, issue))
        return write_json(list(entries.values()))


def _make_entry(result: AuditResult, issue: Issue) -> dict[str, object]:
    description = issue.message
    severity = _SEVERITIES[issue.kind]
    if issue.is_accepted:
        description += " Accepted in the baseline."
        severity = "info"
    elif issue.kind in (Kind.FINDING, *OF_QUESTIONS) and not issue.is_error:
        severity = "minor"
    if issue.place is not None:
        path = issue.place.path
        line = issue.place.line
    else:
        path = find_subject_path(result.subject)
        line = 1
        where = "No line is known"
        if issue.where:
            where = f"It lies at {issue.where}, which is no line of a file of this repository"
        description += f" {where}: shown at the start of the subject."
    return {
        "description": description,
        "check_name": issue.rule,
        "fingerprint": issue.fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    }
