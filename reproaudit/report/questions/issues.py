"""Owns what services show of a question: dependences without a source, lost state, and seeds and
flags without effect."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.events import Location
from reproaudit.model.identity import (
    Identity,
    divergence_fingerprint,
    fingerprints,
    hash_identities,
)
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.issue import TITLES, Issue, Kind, find_place
from reproaudit.report.questions.resumption_rows import word_lost_in_full
from reproaudit.report.questions.seed_rows import word_flag, word_stream
from reproaudit.report.questions.variation_rows import group_differing, word_group
from reproaudit.report.wording import show_name

_Found = tuple[Kind, str, Location | None, str]  # what identifies it, its line, what is said


def list_question_issues(
    result: AuditResult, shown: AuditResult, accepted: frozenset[str]
) -> list[Issue]:
    """Return the issues of a question that no finding stands for, the gravest first.

    Where there are findings, lost state, streams and settings are told by them.

    `shown` is the result with its lines named from the working directory. They are accepted with
    the findings, or with the divergence where there is none.
    """
    identities = []
    for kind, what, location, _ in _list_found(result):
        identities.append(Identity(rule=kind.value, what=what, location=location))
    marks = hash_identities(result.subject, identities)
    decides = result.verdict is Verdict.NOT_REPRODUCIBLE
    is_accepted = decides and _is_accepted(result, accepted)
    issues = []
    for (kind, _, location, said), mark in zip(_list_found(shown), marks, strict=True):
        issues.append(
            Issue(
                kind=kind,
                rule=kind.value,
                title=TITLES[kind],
                message=f"{said[:1].upper()}{said[1:]}.",
                fingerprint=mark,
                place=find_place("", location),
                where=show_name(str(location or "")),
                is_error=decides and not is_accepted,
                is_accepted=is_accepted,
            )
        )
    return issues


def _is_accepted(result: AuditResult, accepted: frozenset[str]) -> bool:
    marks = fingerprints(result.subject, result.findings) or (divergence_fingerprint(result),)
    return all(mark in accepted for mark in marks)


def _list_found(result: AuditResult) -> Iterator[_Found]:
    for group in group_differing(result):
        first = group.outcomes[0]
        if group.finding is None and not first.is_within_tolerance:
            yield Kind.DEPENDENCE, first.name, None, word_group(result, group)
    if result.findings:
        return
    if result.resumption is not None:
        for lost in result.resumption.lost:
            what = f"{lost.kind.value} {lost.name}"
            yield Kind.LOST_STATE, what, lost.location, word_lost_in_full(lost)
    for stream in result.streams:
        if not stream.is_expected:
            what = f"{stream.use.value} {stream.stream} {stream.call}"
            yield Kind.STREAM, what, stream.location, word_stream(stream)
    for setting in result.timeline:
        if setting.why:
            yield Kind.FLAG, setting.what, setting.location, word_flag(result, setting)
