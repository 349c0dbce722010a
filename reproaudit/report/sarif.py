"""Owns the report for code scanning: SARIF 2.1.0, one run of the tool over all subjects.

A result has a physical location, or it is none: GitHub rejects a whole file for one result without.
What has no line in the repository is a notification of the invocation, of the same level and with
the same rule.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict, exit_code
from reproaudit.report.issues import Issue, Kind, Place, issues, not_checked_message
from reproaudit.report.wording import VERDICTS, escaped, named, phase_word, prose

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT = "reproaudit/v1"
_NOT_CHECKED = "not-checked"
_WITH_RULE = (Kind.FINDING, Kind.RISK)
_NOTIFICATIONS = {
    Kind.NOT_AUDITED.value: "The audit could not be done",
    Kind.NO_SOURCE.value: "Runs differ, and no source of it was located",
    _NOT_CHECKED: "Something that was not compared, and why",
}
_WARNING_NAME = "audit-warning"
_WARNING = "Something that was hardly meant, whether runs are equal or not"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SarifReport:
    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        found = [issues(result, accepted) for result in results]
        rules = _rules([issue for each in found for issue in each])
        numbers = {rule["id"]: number for number, rule in enumerate(rules)}
        invocations = [
            _invocation(result, each, numbers) for result, each in zip(results, found, strict=True)
        ]
        run: Json = {
            "tool": {
                "driver": {
                    "name": "reproaudit",
                    "rules": rules,
                    "notifications": _descriptors(invocations),
                }
            },
            "invocations": invocations,
            "results": [
                _result(issue, issue.place, numbers, number, bool(accepted))
                for number, each in enumerate(found)
                for issue in each
                if issue.place is not None
            ],
        }
        return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _level(issue: Issue) -> str:
    if issue.is_error:
        return "error"
    return "warning" if issue.kind is Kind.WARNING else "note"


def _rules(found: Sequence[Issue]) -> list[Json]:
    """Return the rules that results refer to, in the order of their ids."""
    first: dict[str, Issue] = {}
    for issue in found:
        if issue.place is not None or issue.kind in _WITH_RULE:
            first.setdefault(issue.rule, issue)
    return [_rule(rule, first[rule]) for rule in sorted(first)]


def _rule(rule: str, issue: Issue) -> Json:
    if issue.finding is not None:
        about = f"`reproaudit explain {rule}` says how it comes about, how it is told and what repairs it."
        return _descriptor(rule, issue.finding.cause.value, issue.title or rule, about, "error")
    if issue.kind is Kind.WARNING:
        about = _explanation(rule, issue.title)
        return _descriptor(rule, _WARNING_NAME, _WARNING, about, "warning")
    about = "The operator may differ between runs. It is a risk; a divergence that was seen is a result of its own."
    return _descriptor(rule, issue.kind.value, issue.title, about, "note")


def _explanation(rule: str, title: str) -> str:
    """Return where to read more about a warning or a kind of notification."""
    if rule in _NOTIFICATIONS or rule == Kind.WARNING.value:
        return f"{title}: the message says which."
    return f"`reproaudit explain {rule}` says more."


def _descriptor(identity: str, name: str, title: str, about: str, level: str) -> Json:
    """Describe a rule or a kind of notification, with all that code scanning asks for."""
    return {
        "id": identity,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title[:1].upper()}{title[1:]}."},
        "help": {"text": about},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["reproducibility"]},
    }


def _result(
    issue: Issue, place: Place, numbers: dict[str, int], invocation: int, has_baseline: bool
) -> Json:
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line},
        }
    }
    if logical := _logical(issue):
        location["logicalLocations"] = logical
    result: Json = {
        "ruleId": issue.rule,
        "ruleIndex": numbers[issue.rule],
        "level": _level(issue),
        "message": {"text": issue.message},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: issue.fingerprint},
        "provenance": {"invocationIndex": invocation},
    }
    if has_baseline and issue.kind is Kind.FINDING:
        result["baselineState"] = "unchanged" if issue.is_accepted else "new"
    if issue.is_accepted:
        accepted = {
            "kind": "external",
            "status": "accepted",
            "justification": "accepted in the baseline",
        }
        result["suppressions"] = [accepted]
    return result | ({"properties": _properties(issue)} if issue.finding is not None else {})


def _logical(issue: Issue) -> list[Json]:
    function = issue.place.function if issue.place is not None else ""
    found = [{"name": function, "kind": "function"}] if function else []
    if issue.module:
        found.append({"fullyQualifiedName": issue.module, "kind": "member"})
    return found


def _properties(issue: Issue) -> Json:
    finding = issue.finding
    assert finding is not None
    told: Json = {
        "cause": finding.cause.value,
        "phase": phase_word(finding.phase),
        "step": finding.step,
    }
    if finding.op:
        told["op"] = named(finding.op)
    if finding.fix is not None:
        told["fix"] = {
            "interventions": list(map(named, finding.fix.settings)),
            "verified": finding.fix.verified,
            "patch": list(map(escaped, finding.fix.patch)),
        }
    return told


def _invocation(result: AuditResult, found: Sequence[Issue], numbers: dict[str, int]) -> Json:
    notifications = [_notification(issue, numbers) for issue in found if issue.place is None]
    if text := not_checked_message(result):
        notifications.append(
            {"descriptor": {"id": _NOT_CHECKED}, "level": "note", "message": {"text": text}}
        )
    return {
        "executionSuccessful": result.verdict is not Verdict.NOT_AUDITED,
        "exitCode": exit_code([result.verdict]),
        "exitCodeDescription": VERDICTS[result.verdict],
        "toolExecutionNotifications": notifications,
        "properties": {
            "subject": named(result.subject),
            "verdict": result.verdict.value,
            "headline": prose(result.headline),
        },
    }


def _notification(issue: Issue, numbers: dict[str, int]) -> Json:
    """Return what has no line in the repository. What is accepted says so: a notification cannot be
    suppressed."""
    known = "Accepted in the baseline. " if issue.is_accepted else ""
    told: Json = {"level": _level(issue), "message": {"text": known + issue.message}}
    if issue.kind in _WITH_RULE:
        told["associatedRule"] = {"id": issue.rule, "index": numbers[issue.rule]}
        told["properties"] = {"fingerprint": issue.fingerprint}
    else:
        told["descriptor"] = {"id": issue.rule}
    if logical := _logical(issue):
        told["locations"] = [{"logicalLocations": logical}]
    return told


def _descriptors(invocations: Sequence[Json]) -> list[Json]:
    """Return what the notifications that belong to no rule refer to, in the order of their ids."""
    used = {
        notification["descriptor"]["id"]
        for invocation in invocations
        for notification in invocation["toolExecutionNotifications"]
        if "descriptor" in notification
    }
    described = []
    for rule in sorted(used):
        title = _NOTIFICATIONS.get(rule, _WARNING)
        name = rule if rule in _NOTIFICATIONS else _WARNING_NAME
        about = _explanation(rule, title)
        level = "error" if rule in (Kind.NOT_AUDITED.value, Kind.NO_SOURCE.value) else "warning"
        described.append(_descriptor(rule, name, title, about, level))
    return described
