"""Owns the report for code scanning: SARIF 2.1.0, one run of the tool over all subjects.

A result has a physical location, or it is none: GitHub rejects a whole file for one result without.
What has no line in the repository is a notification of the invocation, of the same level and with
the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reproaudit.knowledge.documentation import find_address
from reproaudit.knowledge.rules import ALL_RULES
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict, exit_code
from reproaudit.report.issue import OF_QUESTIONS, TITLES, Issue, Kind, Place
from reproaudit.report.issues import list_issues, word_not_checked
from reproaudit.report.json_text import write_json
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import escape, name_phase, show_name, show_prose

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT = "reproaudit/v1"
_NOT_CHECKED = "not-checked"
_WITH_RULE = (Kind.FINDING, Kind.RISK, *OF_QUESTIONS)
_NOTIFICATIONS = {
    Kind.NOT_AUDITED.value: "The audit could not be done",
    Kind.NO_SOURCE.value: "Runs differ, and no source of it was located",
    _NOT_CHECKED: "Something that was not compared, and why",
}
_WARNING_NAME = "audit-warning"
_WARNING = "Something that was hardly meant, whether runs are equal or not"
# In the order in which a reader of the file wants them.
_RESULT_KEYS = (
    "ruleId",
    "ruleIndex",
    "level",
    "message",
    "locations",
    "partialFingerprints",
    "provenance",
    "baselineState",
    "suppressions",
    "properties",
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SarifReport:
    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        found = [list_issues(result, accepted) for result in results]
        rules = _describe_rules([issue for each in found for issue in each])
        numbers = {rule["id"]: number for number, rule in enumerate(rules)}
        invocations = [
            _make_invocation(result, each, numbers)
            for result, each in zip(results, found, strict=True)
        ]
        entries: list[Json] = []
        for invocation, each in enumerate(found):
            for issue in each:
                if issue.place is not None:
                    entry = _make_result(issue, issue.place)
                    entry["ruleIndex"] = numbers[issue.rule]
                    entry["provenance"] = {"invocationIndex": invocation}
                    if accepted and issue.kind is Kind.FINDING:
                        entry["baselineState"] = "unchanged" if issue.is_accepted else "new"
                    entries.append(_sort_keys(entry))
        driver = {
            "name": "reproaudit",
            "rules": rules,
            "notifications": _describe_notifications(invocations),
        }
        run: Json = {"tool": {"driver": driver}, "invocations": invocations, "results": entries}
        return write_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _level(issue: Issue) -> str:
    if issue.is_error:
        return "error"
    if issue.kind is Kind.WARNING:
        return "warning"
    return "note"


# -- rules, and kinds of notifications


def _describe_rules(found: Sequence[Issue]) -> list[Json]:
    """Return the rules that results refer to, in the order of their ids."""
    first: dict[str, Issue] = {}
    for issue in found:
        if issue.place is not None or issue.kind in _WITH_RULE:
            first.setdefault(issue.rule, issue)
    return [_describe_rule(first[rule]) for rule in sorted(first)]


def _describe_rule(issue: Issue) -> Json:
    rule = issue.rule
    if issue.finding is not None:
        return _make_descriptor(
            rule,
            name=issue.finding.cause.value,
            title=issue.title or rule,
            about=_say_where_to_read(rule, issue.title),
            level="error",
        )
    if issue.kind is Kind.WARNING:
        return _make_descriptor(
            rule,
            name=_WARNING_NAME,
            title=_WARNING,
            about=_say_where_to_read(rule, issue.title),
            level="warning",
        )
    if issue.kind in OF_QUESTIONS:
        return _make_descriptor(
            rule,
            name=issue.kind.value,
            title=TITLES[issue.kind],
            about=f"{TITLES[issue.kind].capitalize()}: the message says which.",
            level="error",
        )
    return _make_descriptor(
        rule,
        name=issue.kind.value,
        title=issue.title,
        about="The operator may differ between runs. It is a risk; a divergence that was seen is a "
        "result of its own.",
        level="note",
    )


def _say_where_to_read(rule: str, title: str) -> str:
    """Return what there is to read about a rule, or about a kind of notification."""
    if rule in _NOTIFICATIONS or rule == Kind.WARNING.value:
        return f"{title}: the message says which."
    known = ALL_RULES.get(rule)
    if known is None:
        return f"`reproaudit explain {rule}` says more."
    return (
        f"{known.explanation}\n\nAdvice: {known.advice}.\n\n"
        f"`reproaudit explain {rule}` says what else looks like it."
    )


def _make_descriptor(identity: str, *, name: str, title: str, about: str, level: str) -> Json:
    """Describe a rule or a kind of notification, with all that code scanning asks for."""
    # Code scanning wants names in camel case; ours have hyphens.
    words = [word.capitalize() for word in name.split("-")]
    descriptor: Json = {
        "id": identity,
        "name": "".join(words),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title[:1].upper()}{title[1:]}."},
        "help": {"text": about},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["reproducibility"]},
    }
    address = find_address(identity) if identity in ALL_RULES else None
    if address is not None:
        descriptor["helpUri"] = address
    return descriptor


def _describe_notifications(invocations: Sequence[Json]) -> list[Json]:
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
        is_error = rule in (Kind.NOT_AUDITED.value, Kind.NO_SOURCE.value)
        described.append(
            _make_descriptor(
                rule,
                name=rule if rule in _NOTIFICATIONS else _WARNING_NAME,
                title=title,
                about=_say_where_to_read(rule, title),
                level="error" if is_error else "warning",
            )
        )
    return described


# -- results and notifications


def _make_result(issue: Issue, place: Place) -> Json:
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line},
        }
    }
    logical = _list_logical_places(issue)
    if logical:
        location["logicalLocations"] = logical
    result: Json = {
        "ruleId": issue.rule,
        "level": _level(issue),
        "message": {"text": issue.message},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: issue.fingerprint},
    }
    if issue.is_accepted:
        accepted = {
            "kind": "external",
            "status": "accepted",
            "justification": "accepted in the baseline",
        }
        result["suppressions"] = [accepted]
    if issue.finding is not None:
        result["properties"] = _make_properties(issue.finding)
    return result


def _sort_keys(result: Json) -> Json:
    return {key: result[key] for key in _RESULT_KEYS if key in result}


def _list_logical_places(issue: Issue) -> list[Json]:
    """Return the function and the module of an issue, as far as they are known."""
    found = []
    if issue.place is not None and issue.place.function:
        found.append({"name": issue.place.function, "kind": "function"})
    if issue.module:
        found.append({"fullyQualifiedName": issue.module, "kind": "member"})
    return found


def _make_properties(finding: Finding) -> Json:
    properties: Json = {
        "cause": finding.cause.value,
        "phase": name_phase(finding.phase),
        "step": finding.step,
    }
    if finding.op:
        properties["op"] = show_name(finding.op)
    if finding.fix is not None:
        properties["fix"] = {
            "interventions": list(map(show_name, finding.fix.settings)),
            "verified": finding.fix.verified,
            "together": list(map(show_name, finding.fix.together)),
            "patch": list(map(escape, finding.fix.patch)),
            "patchVerified": finding.fix.patch_verified,
        }
    return properties


def _make_invocation(result: AuditResult, found: Sequence[Issue], numbers: dict[str, int]) -> Json:
    notifications = [_make_notification(issue, numbers) for issue in found if issue.place is None]
    text = word_not_checked(result)
    if text:
        notification: Json = {
            "descriptor": {"id": _NOT_CHECKED},
            "level": "note",
            "message": {"text": text},
        }
        notifications.append(notification)
    return {
        "executionSuccessful": result.verdict is not Verdict.NOT_AUDITED,
        "exitCode": exit_code([result.verdict]),
        "exitCodeDescription": name_answer(result),
        "toolExecutionNotifications": notifications,
        "properties": {
            "subject": show_name(result.subject),
            "verdict": result.verdict.value,
            "headline": show_prose(result.headline),
        },
    }


def _make_notification(issue: Issue, numbers: dict[str, int]) -> Json:
    """Return what has no line in the repository. What is accepted says so: a notification cannot be
    suppressed."""
    message = issue.message
    if issue.is_accepted:
        message = f"Accepted in the baseline. {message}"
    notification: Json = {
        "level": _level(issue),
        "message": {"text": message},
    }
    if issue.kind in _WITH_RULE:
        notification["associatedRule"] = {"id": issue.rule, "index": numbers[issue.rule]}
        notification["properties"] = {"fingerprint": issue.fingerprint}
    else:
        notification["descriptor"] = {"id": issue.rule}
    logical = _list_logical_places(issue)
    if logical:
        notification["locations"] = [{"logicalLocations": logical}]
    return notification
