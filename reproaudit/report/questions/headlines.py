"""Owns the one sentence that answers a question other than "is it the same twice?"."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.model.question import Dependence, LostState, Question, SeedEffect, SeedStream
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.questions.resumption_rows import name_lost
from reproaudit.report.questions.seed_rows import EFFECTS, name_stream, sort_streams
from reproaudit.report.questions.variation_rows import Group, group_differing, word_source
from reproaudit.report.wording import show_count, show_name, show_prose

_MOST = 3  # things of one kind that a headline names


def word_question(result: AuditResult, usual: str) -> str:
    """Return the headline of a result, without a final full stop. `usual` says how many runs differ
    and where first."""
    if result.question is Question.VARY:
        return _word_variations(result, usual)
    if result.question is Question.RESUME:
        return usual
    return _word_seeds(result)


def _word_variations(result: AuditResult, usual: str) -> str:
    groups = group_differing(result)
    decisive = [group for group in groups if not group.outcomes[0].is_within_tolerance]
    said = []
    if not all(finding.variation for finding in result.findings):
        said.append("differs from run to run as it is")
    elif not decisive and result.verdict is Verdict.NOT_REPRODUCIBLE:
        said.append(usual)
    if decisive:
        said.append(_word_dependences(decisive))
    return "; ".join([*said, *_count_others(result)]) or "no variation was tried"


def _word_dependences(groups: Sequence[Group]) -> str:
    of = {kind: [one for one in groups if one.dependence is kind] for kind in Dependence}
    said = []
    parts = [
        *_name_groups(of[Dependence.BUG], "a bug"),
        *_name_groups(of[Dependence.UNEXPLAINED], "not explained"),
    ]
    if parts:
        said.append(f"on {_join(parts)}")
    documented = list(_name_groups(of[Dependence.EXPECTED], ""))
    if documented:
        said.append(f"as documented, on {_join(documented)}")
    return f"depends {' and, '.join(said)}" if parts else f"depends, {said[0]}"


def _name_groups(groups: Sequence[Group], why: str) -> list[str]:
    """Return `hash_seed (train.py:17, a bug)` for each variation, its gravest dependence alone."""
    first: dict[str, Group] = {}
    for group in groups:
        first.setdefault(group.outcomes[0].name, group)
    names = []
    for name, group in list(first.items())[:_MOST]:
        notes = [*_name_place(group), why]
        inside = ", ".join(filter(None, notes))
        shown = show_name(name)
        names.append(f"{shown} ({inside})" if inside else shown)
    cut = len(first) - _MOST
    if cut > 0:
        names.append(f"{cut:,} more")
    return names


def _name_place(group: Group) -> list[str]:
    finding = group.finding
    if finding is None:
        return []
    # Of a bug the line is enough: the operator there only uses what should not have reached it.
    if group.dependence is Dependence.BUG and finding.location is not None:
        return [show_name(finding.location.place)]
    return [word_source(finding)]


def _count_others(result: AuditResult) -> list[str]:
    """Return how many variations change nothing, little, or were not tried."""
    kinds = [outcome.dependence for outcome in result.variations]
    equal = kinds.count(Dependence.NONE)
    small = sum(
        outcome.is_within_tolerance
        for outcome in result.variations
        if outcome.dependence not in (Dependence.NONE, Dependence.NOT_TRIED)
    )
    said = []
    if equal:
        verb = "changes" if equal == 1 else "change"
        said.append(f"{show_count(equal, 'variation')} {verb} nothing")
    if small:
        verb = "changes" if small == 1 else "change"
        said.append(f"{small:,} {verb} it within the tolerance")
    untried = kinds.count(Dependence.NOT_TRIED)
    if untried == len(kinds) > 0:
        (why, *_) = (outcome.why for outcome in result.variations)
        said.append(f"none of {show_count(untried, 'variation')} was tried: {show_prose(why)}")
    elif untried:
        verb = "was" if untried == 1 else "were"
        said.append(f"{untried:,} {verb} not tried")
    return said


def word_lost_states(lost: Sequence[LostState]) -> str:
    """Return `the scheduler StepLR (not restored) and the random stream torch CPU (shifted)`."""
    names = [f"the {name_lost(one)}" for one in lost[:_MOST]]
    if len(lost) > _MOST:
        names.append(f"{len(lost) - _MOST:,} more")
    return _join(names)


def _word_seeds(result: AuditResult) -> str:
    streams = result.streams
    wrong = [stream for stream in sort_streams(result) if not stream.is_expected]
    follow = sum(stream.effect is SeedEffect.FOLLOWS for stream in streams)
    late = sum(bool(setting.why) for setting in result.timeline)
    said = []
    if streams and not follow:
        said.append("the seed changes nothing")
    if wrong:
        said.append(f"not as they ought to be: {_join(_name_streams(wrong))}")
    if follow:
        verb = "follows" if follow == 1 else "follow"
        said.append(f"{show_count(follow, 'stream')} {verb} the seed")
    constant = sum(
        stream.is_expected and stream.effect is SeedEffect.CONSTANT for stream in streams
    )
    if constant and not wrong:
        said.append(f"{constant:,} ought to be constant, and {_be(constant)}")
    if late:
        said.append(f"{show_count(late, 'setting')} of seeds or flags came too late or were undone")
    return "; ".join(said) or "the program draws no random numbers"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _name_streams(streams: Sequence[SeedStream]) -> list[str]:
    names = [f"{name_stream(one)} ({EFFECTS[one.effect]})" for one in streams[:_MOST]]
    if len(streams) > _MOST:
        names.append(f"{len(streams) - _MOST:,} more")
    return names


def _join(parts: Sequence[str]) -> str:
    """Return `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
