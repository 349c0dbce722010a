"""Missing synchronisation on a GPU, as the alert run recorded it.

It is evidence for a race, and always a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.comparison.localise import Origin
from reproaudit.knowledge.interventions import list_for_clue
from reproaudit.knowledge.traits import Clue
from reproaudit.model.events import Location, ProgramWarning
from reproaudit.model.result import Finding
from reproaudit.trace.reader import Trace


@dataclass(frozen=True, slots=True)
class DeviceRace:
    """Two uses of one tensor that nothing orders.

    `location` is where it may be read too early, or too late. `is_host`: one of the two is the
    host, and `other` the copy that may still be under way.
    """

    op: str
    location: Location
    other_op: str
    other: Location
    message: str
    is_host: bool = False

    @property
    def shown_op(self) -> str:
        """The op without a default overload."""
        return self.op.removesuffix(".default")

    @property
    def shown_other_op(self) -> str:
        """The other op without a default overload."""
        return self.other_op.removesuffix(".default")

    @property
    def repairs(self) -> tuple[str, ...]:
        """The interventions that answer such a race, the likeliest first."""
        clue = Clue.HOST_RACE if self.is_host else Clue.STREAM_RACE
        return list_for_clue(clue)


def read_device_races(trace: Trace) -> tuple[DeviceRace, ...]:
    """Return the races of an alert run, each once, in order."""
    found = [
        DeviceRace(
            op=race.op,
            location=race.location,
            other_op=race.other.op,
            other=race.other.location,
            message=race.message,
            is_host=race.is_with_host,
        )
        for race in trace.races()
    ]
    return tuple(dict.fromkeys(found))


def warn_of_races(races: Iterable[DeviceRace]) -> Iterator[ProgramWarning]:
    """Yield a warning for each race. RA504: between streams. RA505: with the host."""
    for race in races:
        has_line = race.location.line != 0
        other_has_line = race.other.line != 0
        first = _show_line(race.location)
        second = _show_line(race.other)
        yield ProgramWarning(
            rule="RA505" if race.is_host else "RA504",
            location=race.location if has_line else None,
            others=(race.other,) if other_has_line else (),
            message=f"{race.shown_op} at {first} {race.message} {second}",
        )


def find_race(
    finding: Finding,
    origin: Origin,
    races: Sequence[DeviceRace],
) -> DeviceRace | None:
    """Return the race that the finding's own line shows.

    None if its difference was not born where a race may be seen.
    """
    if origin not in (Origin.OP, Origin.INPUT):
        return None
    if finding.location is None:
        return None
    for race in races:
        uses = [(race.shown_op, race.location)]
        if race.is_host:
            # What the host reads too early is seen to differ at the copy itself, whose output is
            # looked at at once.
            uses.append((race.shown_other_op, race.other))
        for op, place in uses:
            if place != finding.location:
                continue
            # An input may differ at any op of the line that reads it, not only at the racing one.
            if origin is Origin.INPUT or op == finding.op:
                return race
    return None


def _show_line(place: Location) -> str:
    if not place.line:
        return "an unknown line"
    return place.place
