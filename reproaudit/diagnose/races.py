"""Missing synchronisation on a GPU, as the alert run recorded it: evidence for a race, and always a
warning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reproaudit.compare.localise import Origin
from reproaudit.knowledge.interventions import answering
from reproaudit.knowledge.traits import Clue
from reproaudit.model.events import EventFlag, EventKind, Location, ProgramWarning
from reproaudit.model.result import Finding
from reproaudit.trace.reader import Trace


@dataclass(frozen=True, slots=True)
class DeviceRace:
    """Two uses of one tensor that nothing orders. `location` is where it may be read too early, or
    too late.

    `is_host`: one of the two is the host, and `other` the copy that may still be under way.
    """

    op: str
    location: Location
    other_op: str
    other: Location
    message: str
    is_host: bool = False

    @property
    def repairs(self) -> tuple[str, ...]:
        return answering(Clue.HOST_RACE if self.is_host else Clue.STREAM_RACE)


def read_device_races(trace: Trace) -> tuple[DeviceRace, ...]:
    """Return the races of an alert run, each once. A trace may come from a stranger: ids out of
    range are unknown."""
    raced = (trace.events["kind"] == EventKind.ALERT) & (
        (trace.events["flags"] & EventFlag.RACED) != 0
    )
    found: dict[DeviceRace, None] = {}
    for number in np.flatnonzero(raced):
        row = trace.events[number]
        other_op, place = int(row["inputs"][0]), int(row["inputs"][1])
        race = DeviceRace(
            _text(trace, int(row["name"])),
            trace.locations[row["location"]],
            _text(trace, other_op),
            trace.locations[place if place < len(trace.locations) else 0],
            _text(trace, int(row["aux"])),
            bool(row["outputs"][0]),
        )
        found[race] = None
    return tuple(found)


def _text(trace: Trace, number: int) -> str:
    return str(trace.strings[number]) if number < len(trace.strings) else ""


def warn_of_races(races: Iterable[DeviceRace]) -> Iterator[ProgramWarning]:
    """Yield a warning for each race. RA504: between streams. RA505: with the host."""
    for race in races:
        first, second = _line(race.location), _line(race.other)
        yield ProgramWarning(
            rule="RA505" if race.is_host else "RA504",
            location=race.location if race.location.line else None,
            others=(race.other,) if race.other.line else (),
            message=f"{_shown(race.op)} at {first} {race.message} {second}",
        )


def find_race(finding: Finding, origin: Origin, races: Sequence[DeviceRace]) -> DeviceRace | None:
    """Return the race that the finding's own line shows; None if its difference was not born where
    one may be seen."""
    if origin not in (Origin.OP, Origin.INPUT) or finding.location is None:
        return None
    for race in races:
        # What the host reads too early is seen to differ at the copy itself, whose output is looked
        # at at once.
        here = [(race.op, race.location), *([(race.other_op, race.other)] if race.is_host else [])]
        for op, place in here:
            if place == finding.location and (origin is Origin.INPUT or _shown(op) == finding.op):
                return race
    return None


def _shown(op: str) -> str:
    return op.removesuffix(".default")


def _line(place: Location) -> str:
    return f"{place.path}:{place.line}" if place.line else "an unknown line"
