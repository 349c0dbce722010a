"""Owns what the reports for services have in common: an audit as a list of issues, each with its
place and identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reproaudit.model.events import ProgramWarning
from reproaudit.model.identity import (
    Identity,
    divergence_fingerprint,
    fingerprints,
    hash_identities,
)
from reproaudit.model.question import Question
from reproaudit.model.result import Alert, AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.issue import TITLES, Issue, Kind, find_place
from reproaudit.report.moments import name_when
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.issues import list_question_issues
from reproaudit.report.questions.variation_rows import list_tolerated, order_findings
from reproaudit.report.wording import (
    name_phase,
    name_source,
    show_count,
    show_name,
    show_prose,
    word_difference,
    word_settings,
    word_warning,
)


def list_issues(result: AuditResult, accepted: frozenset[str] = frozenset()) -> tuple[Issue, ...]:
    """Return the issues of an audit, the gravest first. What has an `accepted` fingerprint is no
    error."""
    # Once for all: it goes through every line that the result names.
    shown = move_to_working_folder(result)
    own = list_question_issues(result, shown, accepted)
    return (
        *_yield_verdict(result, shown, accepted, is_told=bool(own)),
        *_yield_findings(result, shown, accepted),
        *own,
        *_yield_warnings(result, shown),
        *_yield_risks(result, shown),
    )


def name_subjects(results: Sequence[AuditResult]) -> tuple[str, ...]:
    """Return one name per result, all different.

    The name is the subject, with its settings or a number where the subject comes again.
    """
    # Services tell cases apart by name alone: two of one name would hide one another.
    plain = [show_name(result.subject) or "unknown" for result in results]
    with_settings = []
    for name, result in zip(plain, results, strict=True):
        pairs = [f"{show_name(key)} {show_name(value)}" for key, value in result.settings]
        settings = ", ".join(pairs)
        if settings and plain.count(name) > 1:
            with_settings.append(f"{name} [{settings}]")
        else:
            with_settings.append(name)
    unique = []
    for number, name in enumerate(with_settings):
        earlier = with_settings[:number].count(name)
        if with_settings.count(name) > 1:
            unique.append(f"{name} ({earlier + 1})")
        else:
            unique.append(name)
    return tuple(unique)


def word_finding(finding: Finding, question: Question = Question.AUDIT) -> str:
    """Return what a finding says, as sentences on one line."""
    where = name_when(finding)
    source = name_source(finding)
    if source:
        where += f" at {source}"
    if finding.location:
        where += f", {show_name(str(finding.location))}"
    if finding.module:
        where += f", module {show_name(finding.module)}"
    if finding.count > 1:
        times = show_count(finding.count, "time")
        where += f", {times}"
    title = show_prose(finding.title)
    under = f" with {show_name(finding.variation)}" if finding.variation.strip() else ""
    said = f"Runs differ{under} in the {where}"
    if question is Question.SEEDS:
        # Of numbers that no seed changes, no run differs.
        said = f"In the {where}"
    parts = [f"{said}: {title} ({finding.cause.value})."]
    if finding.difference is not None:
        parts.append(f"{word_difference(finding.difference)}.")
    if finding.fix is not None:
        state = word_settings(finding.fix)
        advice = show_prose(finding.fix.advice)
        if advice:
            parts.append(f"Fix: {advice} ({state}).")
        else:
            parts.append(f"Fix: {state}.")
    return " ".join(parts)


def word_not_checked(result: AuditResult) -> str:
    """Return what was not compared, and why, on one line; empty if nothing was left out."""
    notes = []
    for note in result.not_checked:
        what = show_prose(note.what)
        why = show_prose(note.why)
        notes.append(f"{what}: {why}")
    return "; ".join(notes)


def _yield_verdict(
    result: AuditResult, shown: AuditResult, accepted: frozenset[str], *, is_told: bool
) -> Iterator[Issue]:
    """Yield what the verdict is where no finding, and nothing else that `is_told`, stands for
    it."""
    if result.verdict is Verdict.NOT_AUDITED:
        kind = Kind.NOT_AUDITED
        (fingerprint,) = hash_identities(result.subject, [Identity(rule=kind.value)])
        is_accepted = False  # what could not be audited cannot be accepted
    elif result.verdict is Verdict.NOT_REPRODUCIBLE and not result.findings and not is_told:
        kind = Kind.NO_SOURCE
        fingerprint = divergence_fingerprint(result)
        is_accepted = fingerprint in accepted
    else:
        return
    message = TITLES[kind].capitalize()
    said = show_prose(shown.headline)
    if said:
        message += f": {said}"
    yield Issue(
        kind=kind,
        rule=kind.value,
        title=TITLES[kind],
        message=f"{message}.",
        fingerprint=fingerprint,
        is_error=not is_accepted,
        is_accepted=is_accepted,
    )


def _yield_findings(
    result: AuditResult, shown: AuditResult, accepted: frozenset[str]
) -> Iterator[Issue]:
    # Within a tolerance, or where runs failed, a finding explains and fails nothing.
    decides = result.verdict is Verdict.NOT_REPRODUCIBLE
    tolerated = list_tolerated(result)
    marks = fingerprints(result.subject, result.findings)
    for number in order_findings(result):
        finding = shown.findings[number]
        fingerprint = marks[number]
        is_accepted = fingerprint in accepted
        yield Issue(
            kind=Kind.FINDING,
            rule=show_name(finding.rule),
            title=show_prose(finding.title),
            message=word_finding(finding, result.question),
            fingerprint=fingerprint,
            place=find_place("", finding.location),
            where=show_name(str(finding.location or "")),
            module=show_name(finding.module),
            is_error=decides and not is_accepted and number not in tolerated,
            is_accepted=is_accepted,
            finding=finding,
        )


def _yield_warnings(result: AuditResult, shown: AuditResult) -> Iterator[Issue]:
    marks = hash_identities(result.subject, map(_identify_warning, result.warnings))
    for warning, fingerprint in zip(shown.warnings, marks, strict=True):
        yield Issue(
            kind=Kind.WARNING,
            rule=show_name(warning.rule or Kind.WARNING.value),
            title=TITLES[Kind.WARNING],
            message=show_prose(warning.message),
            fingerprint=fingerprint,
            place=find_place("", warning.location),
            where=show_name(str(warning.location or "")),
        )


def _identify_warning(warning: ProgramWarning) -> Identity:
    """Return the identity of a warning: what it says, without the lines that it names."""
    said = word_warning(warning)
    places = list(warning.others)
    if warning.location is not None:
        places.insert(0, warning.location)
    # A line moves with every edit above it, and a warning must stay the one that was accepted.
    for place in places:
        said = said.replace(place.place, f"{place.path}:")
    return Identity(rule=warning.rule or Kind.WARNING.value, what=said)


def _yield_risks(result: AuditResult, shown: AuditResult) -> Iterator[Issue]:
    marks = hash_identities(result.subject, map(_identify_alert, result.alerts))
    for alert, fingerprint in zip(shown.alerts, marks, strict=True):
        op = show_name(alert.op)
        phase = name_phase(alert.phase)
        yield Issue(
            kind=Kind.RISK,
            rule=Kind.RISK.value,
            title=TITLES[Kind.RISK],
            message=f"{op}, {phase}: torch.use_deterministic_algorithms(True) refuses it. "
            "A risk, not a divergence that was seen.",
            fingerprint=fingerprint,
            place=find_place("", alert.location),
            where=show_name(str(alert.location or "")),
            module=show_name(alert.module),
        )


def _identify_alert(alert: Alert) -> Identity:
    return Identity(
        rule=Kind.RISK.value,
        what=alert.op,
        phase=alert.phase,
        module=alert.module,
        location=alert.location,
    )
