"""What is wrong with a seed that does not reach all that it ought to, and where to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reproaudit.comparison.draw_sites import DISTRIBUTED_SAMPLER, GLOBAL_STREAMS
from reproaudit.comparison.seed_calls import SeedCall
from reproaudit.diagnose.seed_effects import SeedReach, SiteEffect, find_seeding
from reproaudit.knowledge.rules import QUESTION_RULES
from reproaudit.knowledge.seed_rules import SeedFault
from reproaudit.model.cause import Cause
from reproaudit.model.events import CodeLine, LibraryCall, Location, Phase
from reproaudit.model.question import SeedEffect, StreamUse
from reproaudit.model.result import Evidence, Finding, Fix

_MOST_NAMED = 4
# Without an argument its seed is 0.
_SAMPLER_CALL = LibraryCall(
    "torch.utils.data.distributed.DistributedSampler", DISTRIBUTED_SAMPLER, "seed"
)
_PHASES = {
    StreamUse.WEIGHTS: Phase.INITIALISATION,
    StreamUse.FORWARD: Phase.FORWARD,
    StreamUse.ORDER: Phase.DATA,
    StreamUse.DATA: Phase.DATA,
    StreamUse.OTHER: Phase.DATA,
}


@dataclass(slots=True)
class _Fault:
    """One thing to mend, and the lines that draw from what it spoils."""

    kind: SeedFault
    location: Location | None
    call: str
    below: LibraryCall | None = None
    given: str = ""
    earlier: SeedCall | None = None
    sites: list[SiteEffect] = field(default_factory=list)


def find_faults(reach: SeedReach) -> list[tuple[Finding, frozenset[CodeLine]]]:
    """Return a finding for each place to mend, in the order in which the program comes to them.

    First come those for which the same seed does not give the same. With each stand the lines that
    it is about.
    """
    found: dict[tuple[SeedFault, Location | None], _Fault] = {}
    for one in reach.sites:
        if one.stream.is_expected:
            continue
        fault = _explain(one, reach)
        known = found.setdefault((fault.kind, fault.location), fault)
        known.sites.append(one)
    faults = sorted(found.values(), key=_repeats)
    return [(_word(fault), list_lines(fault.location, fault.sites)) for fault in faults]


def _repeats(fault: _Fault) -> bool:
    return not any(one.effect is SeedEffect.UNSEEDED for one in fault.sites)


def _explain(one: SiteEffect, reach: SeedReach) -> _Fault:
    """Say why the numbers that a line draws do not follow the seed."""
    key = one.key
    seeding = find_seeding(one, reach)
    if key.is_worker:
        return _blame(SeedFault.WORKERS, one, seeding)
    if key.stream in GLOBAL_STREAMS:
        following = [
            call for call in reach.calls.of_stream(key.home, key.stream) if call in reach.following
        ]
        before = [call for call in following if call.event < one.site.first_event]
        if before and seeding is not None:
            fault = _blame(SeedFault.OVERWRITTEN, one, seeding)
            fault.earlier = before[-1]
            return fault
        if following:
            return _blame(SeedFault.TOO_LATE, one, following[0])
    if one.effect is SeedEffect.UNSEEDED:
        return _blame(SeedFault.UNSEEDED, one, seeding)
    if key.stream == DISTRIBUTED_SAMPLER:
        return _Fault(
            SeedFault.CONSTANT_IN_LIBRARY, key.location, one.site.call, below=_SAMPLER_CALL
        )
    in_library = seeding.below if seeding is not None else one.site.below
    kind = SeedFault.CONSTANT if in_library is None else SeedFault.CONSTANT_IN_LIBRARY
    return _blame(kind, one, seeding)


def _blame(kind: SeedFault, one: SiteEffect, seeding: SeedCall | None) -> _Fault:
    if seeding is None or seeding.location is None:
        return _Fault(kind, one.key.location, one.site.call, one.site.below)
    return _Fault(kind, seeding.location, seeding.name, seeding.below, given=seeding.shown)


def _word(fault: _Fault) -> Finding:
    rule = QUESTION_RULES[fault.kind.value]
    first = fault.sites[0]
    notes = [*_tell_cause(fault), *_tell_sites(fault.sites)]
    is_worker = fault.kind is SeedFault.WORKERS
    return Finding(
        rule=rule.id,
        cause=Cause.WORKER_SEED if is_worker else Cause.UNSEEDED_RNG,
        title=_entitle(fault, rule.title),
        phase=_PHASES[first.stream.use],
        step=min(first.site.steps, default=0),
        location=fault.location,
        count=sum(one.site.draws for one in fault.sites),
        evidence=Evidence(observed=None if _repeats(fault) else True, notes=tuple(notes)),
        fix=Fix(advice=_advise(fault, rule.advice)),
        call=fault.call,
        below=fault.below,
    )


def _entitle(fault: _Fault, title: str) -> str:
    uses = list(dict.fromkeys(one.stream.use.value for one in fault.sites))
    return f"{title}: {' and '.join(uses)}"


def _tell_cause(fault: _Fault) -> Iterator[str]:
    given = f"{fault.call}({show_given(fault.given)})" if fault.given else fault.call
    where = f" at {fault.location}" if fault.location is not None else ""
    below = f", called by {fault.below.function}" if fault.below is not None else ""
    if fault.kind is SeedFault.TOO_LATE:
        yield f"{fault.call}{where}{below} comes after numbers were drawn from the same stream"
    elif fault.earlier is not None:
        earlier = f"{fault.earlier.name} at {fault.earlier.location}"
        yield f"{given}{where}{below} is the same under every seed, and undoes {earlier}"
    elif fault.given:
        yield f"{given}{where}{below}"


def _tell_sites(sites: Sequence[SiteEffect]) -> Iterator[str]:
    for one in sites[:_MOST_NAMED]:
        stream = one.stream
        article = "a " if one.key.is_worker else ""
        process = f" in {article}{stream.process}" if stream.process else ""
        yield f"{stream.use.value}, {stream.call} at {stream.location}{process}: {stream.why}"
    if len(sites) > _MOST_NAMED:
        yield f"and {len(sites) - _MOST_NAMED} more lines"


def _advise(fault: _Fault, advice: str) -> str:
    if fault.kind is SeedFault.CONSTANT_IN_LIBRARY and fault.below is not None:
        below = fault.below
        if below.seeded:
            return f"give {below.seeded}() the program's own seed: {below.argument}=seed"
        return f"{advice}, or seed again after {below.function}()"
    if fault.kind is SeedFault.OVERWRITTEN and fault.below is not None:
        return f"give {fault.below.function}() the program's own seed, or seed again after it"
    return advice


def list_lines(location: Location | None, sites: Sequence[SiteEffect]) -> frozenset[CodeLine]:
    """Return the lines that a fault at `location` is about, with those that draw by it."""
    places = [location, *(one.key.location for one in sites)]
    return frozenset(place.code_line for place in places if place is not None)


def make_zero_finding(
    unlike: Sequence[tuple[SeedCall, SeedCall | None]],
    place: Location | None,
    *,
    given: str,
    unseeded: Sequence[SiteEffect],
) -> Finding:
    """Return the finding that a seed of 0 is taken for none.

    `unlike` are seeding calls that the seed 0 does not reach though others do, `place` the line
    that tests it, if it is known, `given` the seed as it was given, and `unseeded` the lines that
    then draw other numbers in each run.
    """
    rule = QUESTION_RULES[SeedFault.ZERO.value]
    notes = []
    for call, under_zero in unlike[:_MOST_NAMED]:
        where = f"{call.name} at {call.location}"
        if under_zero is None:
            notes.append(f"under {given}, {where} is not called")
        else:
            notes.append(f"under {given}, {where} is given {show_given(under_zero.shown)}")
    for one in unseeded[:_MOST_NAMED]:
        stream = one.stream
        notes.append(f"so {stream.use.value} at {stream.location} differs in each run")
    first, _ = unlike[0]
    return Finding(
        rule=rule.id,
        cause=Cause.UNSEEDED_RNG,
        title=rule.title,
        phase=Phase.DATA,
        step=0,
        location=place or first.location,
        evidence=Evidence(notes=tuple(notes)),
        fix=Fix(advice=rule.advice),
        call=first.name,
        variation=given,
    )


def show_given(shown: str) -> str:
    """Return the arguments of a call as they stand in it: `(42,)` reads 42."""
    return shown.removeprefix("(").removesuffix(")").removesuffix(",")


def find_ignored(reach: SeedReach, place: Location | None) -> Finding | None:
    """Return the finding that nothing follows the seed; None if something does.

    `place` is the line of the program that takes the seed, if it is known. A constant seeding call
    is where to mend it.
    """
    if not reach.reaches_nothing:
        return None
    rule = QUESTION_RULES[SeedFault.IGNORED.value]
    # In the main process: what a DataLoader seeds its workers with comes of the same.
    constant = [call for call in reach.calls.calls if call.has_seed and call.process == ""]
    of_first = find_seeding(reach.sites[0], reach)
    named = of_first if of_first in constant else next(iter(constant), None)
    notes = [
        f"{call.name}({show_given(call.shown)}) at {call.location}: the same under every seed"
        for call in constant[:_MOST_NAMED]
    ]
    if place is not None:
        notes.append(f"the seed is taken at {place}")
    notes += _tell_sites(reach.sites)
    return Finding(
        rule=rule.id,
        cause=Cause.UNSEEDED_RNG,
        title=rule.title,
        phase=Phase.DATA,
        step=0,
        location=named.location if named is not None else place,
        evidence=Evidence(notes=tuple(notes)),
        fix=Fix(advice=rule.advice),
        call=named.name if named is not None else "",
    )
