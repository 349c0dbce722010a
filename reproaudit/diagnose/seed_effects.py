"""What a seed does to each line that draws: told by the states drawn from in several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.draw_sites import OWN_STREAMS, Site, SiteKey, list_sites
from reproaudit.comparison.seed_calls import SeedCall, SeedCalls, find_following, list_seed_calls
from reproaudit.model.question import SeedEffect, SeedStream, StreamUse
from reproaudit.trace.runs import MAIN_PROCESS, Run

_FOLLOWS = "another seed gives other numbers, the same seed the same"
_UNSEEDED = "its numbers are others in each run, also under the same seed"
_CONSTANT = "its numbers are the same under every seed"
_MAY_STAY = "drawn once, before training: a split or data that stays the same is often meant"
_NOT_REPEATED = "the line drew in one run only"


@dataclass(frozen=True, slots=True)
class SeededRuns:
    """Recorded runs: two under one seed, and one under each of some others."""

    base: Run
    again: Run
    others: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class SiteEffect:
    """A line that draws, and what the seed does to it."""

    site: Site
    stream: SeedStream

    @property
    def key(self) -> SiteKey:
        return self.site.key

    @property
    def effect(self) -> SeedEffect:
        return self.stream.effect


@dataclass(frozen=True, slots=True)
class SeedReach:
    """What a seed reaches: lines that draw, and calls that seed, of the first run.

    `following` are the calls which are given something else under each other seed.
    """

    sites: tuple[SiteEffect, ...]
    calls: SeedCalls
    following: frozenset[SeedCall]

    @property
    def reaches_nothing(self) -> bool:
        """True if numbers are drawn, and neither they nor any seeding follows the seed."""
        known = [site.effect for site in self.sites if site.effect is not SeedEffect.UNKNOWN]
        return bool(known) and not self.following and SeedEffect.FOLLOWS not in known


def find_reach(runs: SeededRuns, *, is_equal: bool) -> SeedReach:
    """Compare what was drawn, line by line. `is_equal`: runs under one seed are."""
    base = list_sites(runs.base)
    again = list_sites(runs.again)
    others = [list_sites(run) for run in runs.others]
    calls = list_seed_calls(runs.base)
    # Of one seed alone nobody knows what follows it.
    following: frozenset[SeedCall] = frozenset()
    if runs.others:
        following = find_following(calls, [list_seed_calls(run) for run in runs.others])
    sites = []
    for key, site in base.items():
        effect, why = _judge(site, again.get(key), [other.get(key) for other in others])
        sites.append(SiteEffect(site, _describe(site, effect, why, is_equal=is_equal)))
    return SeedReach(tuple(sites), calls, following)


def _judge(site: Site, again: Site | None, others: Sequence[Site | None]) -> tuple[SeedEffect, str]:
    if again is None or not _share_processes(site, again):
        return SeedEffect.UNKNOWN, _NOT_REPEATED
    if any(one != other for one, other in _pair(site, again)):
        return SeedEffect.UNSEEDED, _UNSEEDED
    if not others:
        return SeedEffect.UNKNOWN, "no other seed was compared"
    compared = [other for other in others if other is not None and _share_processes(site, other)]
    if not compared:
        return SeedEffect.UNKNOWN, "the line did not draw under another seed"
    for other in compared:
        pairs = list(_pair(site, other))
        same = 0
        # Where a line draws before and after its stream is seeded, the first draws tell.
        while same < len(pairs) and pairs[same][0] == pairs[same][1]:
            same += 1
        if same == len(pairs):
            return SeedEffect.CONSTANT, _CONSTANT
        if same:
            why = f"its first {same} of {len(pairs)} draws are the same under every seed"
            return SeedEffect.CONSTANT, why
    return SeedEffect.FOLLOWS, _FOLLOWS


def _share_processes(one: Site, other: Site) -> bool:
    return not one.states.keys().isdisjoint(other.states)


def _pair(one: Site, other: Site) -> list[tuple[int, int]]:
    """Pair the draws of the processes that both runs have, as far as both go.

    How much a worker prepares that nobody fetches is chance.
    """
    pairs: list[tuple[int, int]] = []
    for process, states in one.states.items():
        pairs += zip(states, other.states.get(process, ()), strict=False)
    return pairs


def _describe(site: Site, effect: SeedEffect, why: str, *, is_equal: bool) -> SeedStream:
    key = site.key
    use = key.use
    may_stay = use is StreamUse.DATA and not site.is_in_training
    is_expected = effect is SeedEffect.FOLLOWS or effect is SeedEffect.UNKNOWN
    if effect is SeedEffect.CONSTANT and (may_stay or use is StreamUse.OTHER):
        is_expected = True
        why = f"{why}; {_MAY_STAY}" if may_stay else why
    if effect is SeedEffect.UNSEEDED and is_equal:
        is_expected = True
        why = f"{why}; nothing that was compared depends on them"
    process = key.home
    if key.is_worker:
        process = "worker" if key.home == MAIN_PROCESS else f"worker of {key.home}"
    return SeedStream(
        stream=key.stream,
        use=use,
        effect=effect,
        location=key.location,
        call=site.call,
        draws=site.draws,
        process=process,
        below=site.below.function if site.below is not None else "",
        is_expected=is_expected,
        why=why,
    )


def expect_orders(reach: SeedReach, is_in_loop: Mapping[SiteKey, bool]) -> SeedReach:
    """Return the reach with draws of orders that are made anew in a loop told as such.

    A constant permutation that is drawn once may be a split; one that stands in a loop is an order
    of the data, though the runs may have ended within the first round.
    """
    sites = tuple(_expect_order(one, is_in_loop.get(one.key, False)) for one in reach.sites)
    return replace(reach, sites=sites)


def _expect_order(one: SiteEffect, is_in_loop: bool) -> SiteEffect:
    key = one.key
    if key.use is not StreamUse.DATA or key.is_worker or not one.site.chooses:
        return one
    if not one.site.is_in_training and not is_in_loop:
        return one
    stream = replace(one.stream, use=StreamUse.ORDER)
    if one.effect is SeedEffect.CONSTANT:
        stream = replace(stream, is_expected=False, why=_CONSTANT)
    return replace(one, stream=stream)


def find_seeding(one: SiteEffect, reach: SeedReach) -> SeedCall | None:
    """Return the call that seeded what a line draws from; None if none did, or it is not known.

    Of a global stream it is the last one before the first draw. Which generator of the program's
    own a line draws from is not recorded: it is known if all that may be meant stand at one line.
    """
    key = one.key
    for process in one.site.states:
        if process == key.home or not key.is_worker:
            before = [
                call
                for call in reach.calls.of_stream(process, key.stream)
                if call.event < one.site.first_event
            ]
            return _choose(before, one, reach)
    if key.stream not in OWN_STREAMS:
        # A worker's own call undoes what its process began with.
        own = [
            call
            for process in one.site.states
            for call in reach.calls.of_stream(process, key.stream)
        ]
        if own:
            return _choose(own, one, reach)
    # A worker's generators were made in the process that it was forked from, or in itself.
    calls = [call for call in reach.calls.calls if call.stream == key.stream]
    return _choose(
        [call for call in calls if call.process in (*one.site.states, key.home)], one, reach
    )


def _choose(calls: Sequence[SeedCall], one: SiteEffect, reach: SeedReach) -> SeedCall | None:
    if not calls:
        return None
    if not one.key.is_worker and one.key.stream not in OWN_STREAMS:
        return calls[-1]
    wanted = [call for call in calls if _fits(call, one.effect, reach)]
    places = {call.location for call in wanted}
    return wanted[-1] if len(places) == 1 else None


def _fits(call: SeedCall, effect: SeedEffect, reach: SeedReach) -> bool:
    if effect is SeedEffect.UNSEEDED:
        return not call.has_seed
    is_following = call in reach.following
    return is_following if effect is SeedEffect.FOLLOWS else call.has_seed and not is_following
