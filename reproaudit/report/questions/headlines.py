"""Owns the one sentence that answers a question other than "is it the same twice?"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reproaudit.model.events import Unchecked
from reproaudit.model.question import (
    Dependence,
    FlagSetting,
    LostState,
    SeedEffect,
    SeedStream,
)
from reproaudit.model.result import AuditResult, Finding, TensorDivergence
from reproaudit.model.verdict import Verdict
from reproaudit.report.questions.resumption_rows import name_lost
from reproaudit.report.questions.seed_rows import EFFECTS, name_stream, sort_streams
from reproaudit.report.questions.variation_rows import (
    Group,
    group_differing,
    name_settings,
    word_source,
)
from reproaudit.report.wording import join_names, show_count, show_name, show_prose

_MOST = 3  # things of one kind that a headline names


def word_variations(result: AuditResult, usual: str) -> str:
    """Return the headline of a question after variations, without a final full stop. `usual` says
    how many runs differ and where first."""
    groups = group_differing(result)
    decisive = [group for group in groups if not group.outcomes[0].is_within_tolerance]
    said = []
    if _is_unstable_server(result):
        said.append("a prompt that is asked alone gets other answers the second time")
    elif not all(finding.variation for finding in result.findings):
        said.append("differs from run to run as it is")
    elif not decisive and result.verdict is Verdict.NOT_REPRODUCIBLE:
        said.append(usual)
    if decisive:
        said.append(_word_dependences(decisive))
    return "; ".join([*said, *_count_others(result)]) or "no variation was tried"


def _is_unstable_server(result: AuditResult) -> bool:
    """Return True for a server whose answers differ though nothing else is asked."""
    if not any(outcome.is_of_server for outcome in result.variations):
        return False
    varied = {outcome.run for outcome in result.variations}
    alone = {run.index for run in result.runs} - varied
    return sum(not alone.isdisjoint(group) for group in result.classes) > 1


def _word_dependences(groups: Sequence[Group]) -> str:
    of = {kind: [one for one in groups if one.dependence is kind] for kind in Dependence}
    failed = [outcome for group in of[Dependence.FAILS] for outcome in group.outcomes]
    fails = f"fails under {name_settings(failed)}" if failed else ""
    said = []
    parts = [
        *_name_groups(of[Dependence.BUG], "a bug"),
        *_name_groups(of[Dependence.UNEXPLAINED], "not explained"),
    ]
    if parts:
        said.append(f"on {join_names(parts)}")
    documented = list(_name_groups(of[Dependence.EXPECTED], ""))
    if documented:
        said.append(f"as documented, on {join_names(documented)}")
    if not said:
        return fails
    depends = f"depends {' and, '.join(said)}" if parts else f"depends, {said[0]}"
    return f"{fails}; {depends}" if fails else depends


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
    return join_names(names)


def word_seeds(result: AuditResult, where: str) -> str:
    """Return the headline of a question after the seed, without a final full stop. `where` says
    where runs first differ, if they do."""
    if result.is_timeline:
        return _word_timeline(result.timeline)
    under = result.runs[0].condition
    numbers = {run.index for run in result.runs if run.condition == under}
    groups = [group for group in result.classes if not numbers.isdisjoint(group)]
    said = list(_word_reach(result))
    is_near = bool(result.divergences) and all(map(_is_within, result.divergences))
    if len(groups) < 2 or is_near:
        steps = show_count(result.steps, "step")
        return "; ".join([*said, f"the same seed gives the same over {steps}"])
    counted = f"{show_count(len(numbers), 'run')} with {show_name(under)}"
    differs = f"the same seed does not give the same: {counted}, {len(groups)} distinct{where}"
    return "; ".join([differs, *said])


def _is_within(divergence: TensorDivergence) -> bool:
    return divergence.difference is not None and divergence.difference.within_tolerance


def _word_reach(result: AuditResult) -> Iterator[str]:
    """Say what is wrong, or how much of what is drawn follows the seed."""
    if result.verdict is Verdict.NOT_AUDITED:
        ends = [note for note in result.not_checked if note.code is Unchecked.AUDIT_ENDED]
        why = f": {show_prose(ends[0].why)}" if ends else ""
        yield f"what another seed changes is not known{why}"
        return
    if result.findings:
        yield _name_finding(result.findings[0])
        more = len(result.findings) - 1
        if more:
            yield f"{more:,} more"
        return
    wrong = [stream for stream in sort_streams(result) if not stream.is_expected]
    if wrong:
        yield f"not as they ought to be: {join_names(_name_streams(wrong))}"
    elif result.streams:
        follow = sum(stream.effect is SeedEffect.FOLLOWS for stream in result.streams)
        total = len(result.streams)
        draw, verb = "draws" if total == 1 else "draw", "follows" if follow == 1 else "follow"
        yield f"{follow:,} of {show_count(total, 'line')} that {draw} {verb} the seed"
    elif len(result.classes) == 1:
        yield "no random number is drawn, and another seed changes nothing"
    else:
        yield "no line was seen to draw a random number, though another seed changes the result"


def _name_finding(finding: Finding) -> str:
    title = show_prose(finding.title)
    if finding.location is None:
        return title
    return f"{title}, {show_name(finding.location.place)}"


def _word_timeline(timeline: Sequence[FlagSetting]) -> str:
    """Say how often seeds and flags are set in the one run that was made."""
    if not timeline:
        return "no seed and no determinism flag is set; one run, nothing was compared"
    wrong = sum(bool(setting.why) for setting in timeline)
    if len(timeline) == 1:
        said, which = "one seed or flag is set", "too late or over another"
    else:
        said = f"seeds and flags are set {len(timeline):,} times"
        which = f"{wrong:,} of them too late or over others"
    if wrong:
        said += f", {which}"
    return f"{said}; one run, nothing was compared"


def _name_streams(streams: Sequence[SeedStream]) -> list[str]:
    names = [f"{name_stream(one)} ({EFFECTS[one.effect]})" for one in streams[:_MOST]]
    if len(streams) > _MOST:
        names.append(f"{len(streams) - _MOST:,} more")
    return names
