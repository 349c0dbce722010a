"""Owns the parts of an answer that can be right or wrong each: variations, state that was lost,
streams, settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from reproaudit.model.identity import fingerprints
from reproaudit.model.question import Dependence, SeedEffect, VariationOutcome
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.blocks import Block, Entry
from reproaudit.report.issue import Kind
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.resumption_rows import name_lost, word_lost_in_full
from reproaudit.report.questions.sections import describe_group, describe_lost
from reproaudit.report.questions.seed_rows import (
    name_flag,
    name_stream,
    sort_streams,
    word_flag,
    word_stream,
)
from reproaudit.report.questions.variation_rows import (
    find_finding,
    group_differing,
    name_dependence,
    sort_variations,
    word_far,
)
from reproaudit.report.wording import show_name, show_prose


class State(Enum):
    GOOD = "good"
    BAD = "bad"
    ACCEPTED = "accepted"  # in the baseline
    UNKNOWN = "unknown"  # it was not tried, or nothing could be told


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an answer. `kind` says what is wrong with it, `blocks` all that is known of
    it."""

    name: str
    state: State
    said: str = ""
    kind: str = ""
    blocks: tuple[Block, ...] = ()


def list_parts(result: AuditResult, accepted: frozenset[str]) -> list[Part]:
    """Return the parts of an answer, what is wrong first; none of a plain audit's.

    Nothing is bad where the verdict is not that something differs.
    """
    marks = fingerprints(result.subject, result.findings)
    known = [mark in accepted for mark in marks]
    result = move_to_working_folder(result)
    parts = [_make_variation(result, outcome, known) for _, outcome in sort_variations(result)]
    # What a question finds wrong without a finding of its own is accepted with all that differs.
    bad = State.ACCEPTED if known and all(known) else State.BAD
    parts += _list_lost(result, bad)
    parts += _list_streams(result, bad)
    parts += _list_flags(result, bad)
    if result.verdict is not Verdict.NOT_REPRODUCIBLE:
        parts = [_excuse(part) for part in parts]
    return _number_names(parts)


def _excuse(part: Part) -> Part:
    if part.state is not State.BAD:
        return part
    return replace(part, state=State.GOOD)


def _number_names(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with a number behind each name that is there already: dashboards tell cases
    apart by name alone."""
    seen: Counter[str] = Counter()
    numbered = []
    for part in parts:
        seen[part.name] += 1
        name = part.name if seen[part.name] == 1 else f"{part.name} ({seen[part.name]})"
        numbered.append(replace(part, name=name))
    return numbered


def _make_variation(result: AuditResult, outcome: VariationOutcome, known: Sequence[bool]) -> Part:
    name = show_name(outcome.setting)
    said = name_dependence(outcome)
    if outcome.dependence is Dependence.NOT_TRIED:
        return Part(name, State.UNKNOWN, show_prose(outcome.why) or said)
    if outcome.dependence is Dependence.NONE:
        return Part(name, State.GOOD, said)
    finding = find_finding(result, outcome)
    far = word_far(result, outcome)
    said = ": ".join(filter(None, (said, far, show_prose(outcome.why))))
    state = State.GOOD if outcome.is_within_tolerance else State.BAD
    (group,) = group_differing(replace(result, variations=(outcome,)))
    if group.numbers and all(known[number] for number in group.numbers):
        state = State.ACCEPTED
    kind = show_name(finding.rule) if finding is not None else outcome.dependence.value
    blocks = tuple(describe_group(result, group))
    return Part(name, state, said, kind=kind, blocks=blocks)


def _list_lost(result: AuditResult, bad: State) -> Iterator[Part]:
    if result.resumption is None:
        return
    for lost in result.resumption.lost:
        name = name_lost(lost, with_what_became=False)
        said = word_lost_in_full(lost)
        blocks = tuple(describe_lost(lost))
        yield Part(name, bad, said, kind=Kind.LOST_STATE.value, blocks=blocks)


def _list_streams(result: AuditResult, bad: State) -> Iterator[Part]:
    """Yield the streams that ought to follow the seed, or that do and ought not to."""
    for stream in sort_streams(result):
        said = word_stream(stream)
        name = name_stream(stream)
        if stream.location is not None:
            name += f", {show_name(stream.stream)}"
        if not stream.is_expected:
            blocks = (Entry(said),)
            yield Part(name, bad, said, kind=Kind.STREAM.value, blocks=blocks)
        elif stream.effect is SeedEffect.FOLLOWS:
            yield Part(name, State.GOOD, said)
        elif stream.effect is SeedEffect.UNKNOWN:
            yield Part(name, State.UNKNOWN, said)


def _list_flags(result: AuditResult, bad: State) -> Iterator[Part]:
    for setting in result.timeline:
        if setting.why:
            said = word_flag(result, setting)
            blocks = (Entry(said),)
            yield Part(name_flag(setting), bad, said, kind=Kind.FLAG.value, blocks=blocks)
