"""Turns located sources and the calls that differ into findings. What the evidence does not show
stays `unknown`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reproaudit.compare.entropy import EntropyCall, Strength, best_candidate
from reproaudit.compare.files import CarriedFile
from reproaudit.compare.localise import Origin, Source
from reproaudit.diagnose.races import DeviceRace, find_race
from reproaudit.knowledge.mechanisms import mechanism_of
from reproaudit.knowledge.rules import RULES, cause_of_call
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Alert, Cause, Evidence, Finding, Fix
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run

_FROM_OUTSIDE = (Origin.BIRTH, Origin.INPUT, Origin.STRUCTURE)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding with the source that it is about. `call` is the call that brought the difference
    in, if it is known.

    `named` are interventions that evidence names which the cause does not hold.
    """

    finding: Finding
    source: Source
    call: EntropyCall | None = None
    named: tuple[str, ...] = ()

    @property
    def is_from_outside(self) -> bool:
        """True if the difference entered PyTorch here, whatever made it."""
        return self.source.origin in _FROM_OUTSIDE

    @property
    def has_exact_line(self) -> bool:
        """True if the line is that of the call that brought the difference in, not only where it
        arrived."""
        if RULES[self.finding.cause].has_exact_line:
            return True  # the line that read the file, that drew, that met the race
        return not self.is_from_outside or (
            self.call is not None and self.call.strength is Strength.SPECIFIC
        )


def with_cause(finding: Finding, cause: Cause, note: str = "") -> Finding:
    """Return the finding with another cause and what the table says of it."""
    rule = RULES[cause]
    notes = (*finding.evidence.notes, note) if note else finding.evidence.notes
    return replace(
        finding,
        rule=rule.id,
        cause=cause,
        title=rule.title,
        fix=Fix(advice=rule.advice),
        evidence=replace(finding.evidence, notes=notes),
    )


def explain_sources(
    sources: Sequence[Source],
    a: Run,
    b: Run,
    calls: list[EntropyCall],
    alerts: Sequence[Alert],
    *,
    reordered: bool,
    carried: Sequence[CarriedFile] = (),
    races: Sequence[DeviceRace] = (),
) -> tuple[Explanation, ...]:
    """Return one finding per source line and operator, the first source first.

    `reordered` says that the batches that differ hold the same samples in another order: where
    nothing more specific is known, that makes the cause an order of data. `carried` are the files
    that earlier runs left for later ones; `races` are uses of one tensor by streams, or by the
    host, that nothing orders.
    """
    found: list[Explanation] = []
    places: dict[tuple[str | None, Location | None, Cause], int] = {}
    for number, source in enumerate(_without_seed_draws(sources, a)):
        if number and source.origin in (Origin.INPUT, Origin.STRUCTURE, Origin.UNDEFINED):
            continue  # after an earlier source these are most likely its consequences
        explained = _raced(_explain(source, a, b, calls, alerts), races)
        finding = explained.finding
        if reordered and not found and finding.cause is Cause.UNKNOWN:
            finding = with_cause(finding, Cause.DATA_ORDER)
        if not found and explained.is_from_outside and not explained.has_exact_line:
            finding = _carried(finding, carried)
        if (
            number
            and source.origin == Origin.RANDOM
            and any(other.finding.cause == finding.cause for other in found)
        ):
            continue  # one stream that differs makes every later draw differ
        place = (finding.op, finding.location, finding.cause)
        if place in places:
            other = found[places[place]]
            count = other.finding.count + source.count
            found[places[place]] = replace(other, finding=replace(other.finding, count=count))
        else:
            places[place] = len(found)
            found.append(replace(explained, finding=replace(finding, count=source.count)))
    return tuple(found)


def _without_seed_draws(sources: Sequence[Source], a: Run) -> Sequence[Source]:
    """Leave out leading draws of a mere seed where the data is drawn at the same line: a DataLoader
    makes both."""
    for first, second in itertools.pairwise(sources):
        both = (first, second)
        if any(source.origin is not Origin.RANDOM or source.event_a is None for source in both):
            break
        trace = dict(a.traces)[first.process]
        lines = {
            int(trace.events[source.event_a]["location"])
            for source in both
            if source.process == first.process
        }
        if len(lines) != 1 or not _draws_seed(trace, first.event_a or 0):
            break
        sources = sources[1:]
    return sources


def _draws_seed(trace: Trace, event: int) -> bool:
    """Tell whether the drawn number was only taken out of its tensor, to seed something else."""
    later = trace.events[event + 1 :]
    following = later[later["kind"] == EventKind.OP][:1]
    names = [trace.strings[row["name"]] for row in (trace.events[event], *following)]
    return [name.partition(".")[0] for name in names] == [
        "aten::random_",
        "aten::_local_scalar_dense",
    ]


def _carried(finding: Finding, files: Sequence[CarriedFile]) -> Finding:
    """Blame a file whose content differed between runs because an earlier one had written it, if
    there is one."""
    file = next((file for file in files if file.content_differed), None)
    if file is None:
        return finding
    author = (
        f", which an earlier run wrote at {file.written}"
        if file.written is not None
        else " of an earlier run"
    )
    return with_cause(
        replace(finding, location=file.read, op=None),
        Cause.CARRIED_STATE,
        f"reads {file.path}{author}",
    )


def _raced(explained: Explanation, races: Sequence[DeviceRace]) -> Explanation:
    """Blame missing synchronisation where the difference was born at a line that was seen to lack
    it."""
    race = find_race(explained.finding, explained.source.origin, races)
    if race is None or explained.call is not None:
        return explained
    note = f"it {race.message} {race.other.path}:{race.other.line}"
    return replace(
        explained,
        finding=with_cause(explained.finding, Cause.THREAD_RACE, note),
        named=race.repairs,
    )


def add_replay_evidence(finding: Finding, flags: EventFlag) -> Finding:
    """Add to a kernel finding what repeating the op showed; another writer of its inputs makes it a
    race instead."""
    if finding.cause is not Cause.KERNEL:
        return finding
    if flags & EventFlag.RACED:
        return with_cause(
            finding,
            Cause.THREAD_RACE,
            "an input changed while the op ran, and the op does not write it",
        )
    replayed = bool(flags & EventFlag.REPLAY_DIFFERED) if flags & EventFlag.REPLAYED else None
    return replace(finding, evidence=replace(finding.evidence, replayed=replayed))


def _explain(
    source: Source, a: Run, b: Run, calls: list[EntropyCall], alerts: Sequence[Alert]
) -> Explanation:
    trace, event = _side(source, a, b)
    row = trace.events[event]
    op: str | None = trace.strings[row["name"]]
    location = _location(trace, int(row["location"]))
    cause, notes = Cause.UNKNOWN, []
    call: EntropyCall | None = None
    if source.origin == Origin.OP:
        cause = _thread_count(a, b) or Cause.KERNEL
        mechanism = mechanism_of(op) if "gpu" in a.main.header["environment"] else None
        if mechanism is not None and cause is Cause.KERNEL:
            notes.append(f"on a GPU {mechanism.why}")
        if row["thread"] and source.process == MAIN_PROCESS:
            notes.append("the op ran in a thread of the program")
    elif source.origin == Origin.UNDEFINED and source.allocation is not None:
        cause = Cause.UNINITIALIZED_MEMORY
        reader = f"read by {op} at {location}"
        allocation = trace.events[min(source.allocation, len(trace.events) - 1)]
        op, location = (
            trace.strings[allocation["name"]],
            _location(trace, int(allocation["location"])),
        )
        notes.append(reader)
    elif source.origin == Origin.RANDOM:
        cause, location, call = _random(trace, event, location, calls, source, b)
    elif source.origin in _FROM_OUTSIDE:
        call = best_candidate(calls, source.order)
        cause, op, location, found = _from_outside(source, row, op, location, a, call)
        notes += found
    rule = RULES[cause]
    declared = any(op is not None and _same_op(alert.op, op) for alert in alerts) if op else None
    finding = Finding(
        rule=rule.id,
        cause=cause,
        title=rule.title,
        phase=Phase(int(row["phase"])),
        step=int(row["step"]),
        op=_shown_op(op),
        module=trace.strings[row["module"]],
        location=location,
        evidence=Evidence(observed=_observed(source), declared=declared, notes=tuple(notes)),
        fix=Fix(advice=rule.advice),
    )
    return Explanation(finding, source, call)


def _observed(source: Source) -> bool | None:
    """Where an op's own inputs differ, or only one run has the op, nothing was observed of it on
    equal inputs."""
    return None if source.origin in (Origin.INPUT, Origin.STRUCTURE) else True


def _side(source: Source, a: Run, b: Run) -> tuple[Trace, int]:
    """Return the trace and event number that show the source: run `a`'s unless only run `b` has it."""
    if source.event_a is not None:
        return dict(a.traces)[source.process], source.event_a
    assert source.event_b is not None
    return dict(b.traces)[source.process], source.event_b


def _location(trace: Trace, number: int) -> Location | None:
    place = trace.locations[number]
    return place if place.line > 0 else None


def _shown_op(op: str | None) -> str | None:
    """Drop a default overload: `aten::mm.default` reads `aten::mm`."""
    return None if op is None else op.removesuffix(".default")


def _same_op(one: str, other: str) -> bool:
    return one.split(".")[0] == other.split(".")[0]


def _thread_count(a: Run, b: Run) -> Cause | None:
    """The number of threads is the cause if the program set it differently in the two runs."""
    settings = [
        [
            (row["what"], row["after"])
            for row in run.main.header["changes"]
            if row["what"] == "threads"
        ]
        for run in (a, b)
    ]
    return Cause.THREAD_COUNT if settings[0] != settings[1] else None


def _random(
    trace: Trace,
    event: int,
    location: Location | None,
    calls: list[EntropyCall],
    source: Source,
    b: Run,
) -> tuple[Cause, Location | None, EntropyCall | None]:
    """Tell a stream that was never seeded alike from one whose draws came in another order."""
    seeds = [
        call
        for call in calls
        if call.process == source.process and call.event < event and call.name in _SEEDINGS
    ]
    if seeds:
        return Cause.UNSEEDED_RNG, _location(trace, seeds[-1].location) or location, seeds[-1]
    if trace.events[event]["thread"]:
        return Cause.RNG_ORDER, location, None
    # Draws from another kind of generator say nothing about this one.
    kinds = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    wanted = int(trace.events[event]["flags"]) & kinds
    states = [
        events["aux"][(events["kind"] == EventKind.OP) & ((events["flags"] & kinds) == wanted)]
        for events in (trace.events[:event], dict(b.traces)[source.process].events)
    ]
    drew_alike = bool(np.isin(*states).any())
    return (Cause.RNG_ORDER if drew_alike else Cause.UNSEEDED_RNG), location, None


_SEEDINGS = ("torch.manual_seed", "torch.seed", "torch.Generator.seed")


def _from_outside(
    source: Source,
    row: object,
    op: str | None,
    location: Location | None,
    a: Run,
    call: EntropyCall | None,
) -> tuple[Cause, str | None, Location | None, list[str]]:
    """Look for the call that brought the difference in; without one, the op's own line is the best
    that is known."""
    flags, threaded = int(row["flags"]), bool(row["thread"])  # type: ignore[index]
    if source.origin == Origin.STRUCTURE and flags & EventFlag.RANDOM:
        return Cause.RNG_ORDER, op, location, ["one run draws here and the other does not"]
    if source.made_at is not None and a.main.threads[1:]:
        note = f"memory made at {source.made_at} was written outside PyTorch while a thread of the program ran"
        return Cause.THREAD_RACE, op, source.made_at, [note]
    if call is None:
        if threaded:
            return Cause.THREAD_RACE, op, location, []
        shown = None if source.origin == Origin.BIRTH else op
        return Cause.UNKNOWN, shown, location, [_ORIGIN_NOTES[source.origin]]
    caller = dict(a.traces)[call.process]
    place = _location(caller, call.location) or location
    note = (
        f"{call.name} returned {call.shown_a or 'another result'} and {call.shown_b or 'another'}"
    )
    if call.state_differed:
        note = f"{call.name} drew from a generator whose state differed"
    elif call.strength == Strength.ARRIVAL:
        note = f"{call.name} hands out results in order of arrival"
    keeps_op = source.origin == Origin.INPUT and call.strength == Strength.ARRIVAL
    return _cause_of(call), (op if keeps_op else None), place, [note]


_ORIGIN_NOTES = {
    Origin.BIRTH: "the content came from outside PyTorch",
    Origin.INPUT: "an input differed although no earlier recorded op's output did",
    Origin.STRUCTURE: "one run executed ops here that the other did not",
}


def _cause_of(call: EntropyCall) -> Cause:
    if is_drawn_by_worker(call):
        return Cause.WORKER_SEED
    by_name = cause_of_call(call.name)
    if by_name is not None:
        return by_name
    return Cause.DATA_ORDER if call.strength == Strength.ARRIVAL else Cause.UNSEEDED_RNG


def is_drawn_by_worker(call: EntropyCall) -> bool:
    """Return True if the call draws from, or seeds, a generator in a worker process."""
    return call.process != MAIN_PROCESS and ("random" in call.name or "seed" in call.name)
