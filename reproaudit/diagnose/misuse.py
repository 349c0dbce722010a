"""Random streams that are used wrongly though every run is alike: what equal runs do not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from reproaudit.model.events import EventFlag, EventKind, Location, ProgramWarning
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

# What the recorder says of a stream; record/streams.py explains the names.
_EPOCH, _WORKER, _LATE_SEED = "epoch:", "worker:", "seed-after-draw:"
_ORDER, _ITERABLE = "order", "IterableDataset"
_SEEDINGS = {"torch": "torch.manual_seed", "numpy": "numpy.random.seed"}

State = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Start:
    """A stream as one epoch of a DataLoader finds it, in one worker or (None) in the process that
    iterates."""

    stream: str
    loader: int
    iterator: int
    worker: int | None
    state: State
    location: Location
    is_iterable: bool = False
    is_drawn: bool = False
    is_drawn_later: bool = False


def find_misuse(run: Run) -> tuple[ProgramWarning, ...]:
    """Return a warning for each misuse of a random stream that an operation-level run shows.

    RA501: workers draw the same numbers. RA502: epochs do. RA503: a seed is set after numbers were
    drawn. Only streams that are drawn from count; what is drawn without gradients is an evaluation
    and is not looked at.
    """
    starts = [start for _, trace in run.traces for start in _starts(trace)]
    return (*_shared_by_workers(starts), *_repeated_by_epochs(starts), *_late_seeds(run.main))


def _shared_by_workers(starts: list[_Start]) -> Iterator[ProgramWarning]:
    found: dict[tuple[int, Location], set[str]] = {}
    for one, other in combinations([start for start in starts if start.worker is not None], 2):
        same_place = (one.stream, one.loader, one.iterator) == (
            other.stream,
            other.loader,
            other.iterator,
        )
        if same_place and one.worker != other.worker and one.state == other.state:
            if _draws_per_sample(one) and _draws_per_sample(other):
                found.setdefault((one.loader, one.location), set()).add(one.stream)
    for (_, place), streams in found.items():
        yield ProgramWarning(
            rule="RA501",
            location=place,
            message=f"the workers of the DataLoader iterated at {_line(place)} draw the same "
            f"random numbers: each starts {_listed(streams)} from the same state",
        )


def _draws_per_sample(start: _Start) -> bool:
    """An iterable dataset whose workers shuffle alike once, and then each take their own share, is
    right to do so."""
    return start.is_drawn_later if start.is_iterable else start.is_drawn


def _repeated_by_epochs(starts: list[_Start]) -> Iterator[ProgramWarning]:
    """Only epochs that follow each other count: a second training in one program may well repeat
    the first."""
    series: dict[tuple[int, str, int | None], list[_Start]] = {}
    for start in starts:
        if start.is_drawn:
            series.setdefault((start.loader, start.stream, start.worker), []).append(start)
    found: dict[tuple[int, Location], set[str]] = {}
    for (loader, stream, _), row in series.items():
        row.sort(key=lambda start: start.iterator)
        if any(one.state == other.state for one, other in pairwise(row)):
            found.setdefault((loader, row[0].location), set()).add(stream)
    for (_, place), streams in sorted(found.items(), key=lambda item: item[0][0]):
        yield ProgramWarning(
            rule="RA502",
            location=place,
            message=f"epochs of the DataLoader iterated at {_line(place)} draw the same "
            f"random numbers: each starts {_listed(streams)} from the same state",
        )


def _late_seeds(trace: Trace) -> Iterator[ProgramWarning]:
    for number, name, place in _named(trace, _LATE_SEED):
        stream = name.removeprefix(_LATE_SEED)
        drawn_at = _first_draw(trace, number) if stream == "torch" else None
        where = f" at {_line(drawn_at)}" if drawn_at is not None else ""
        yield ProgramWarning(
            rule="RA503",
            location=place,
            others=(drawn_at,) if drawn_at is not None else (),
            message=f"{_SEEDINGS.get(stream, stream)} at {_line(place)} comes after numbers were "
            f"drawn from that stream{where}: those do not follow from the seed",
        )


def _first_draw(trace: Trace, before: int) -> Location | None:
    earlier = trace.events[:before]
    wanted = int(EventFlag.RANDOM)
    draws = (earlier["kind"] == EventKind.OP) & (
        (earlier["flags"] & (EventFlag.RANDOM | EventFlag.OWN_GENERATOR)) == wanted
    )
    if not draws.any():
        return None
    place = trace.locations[earlier["location"][int(draws.argmax())]]
    return place if place.line > 0 else None


def _starts(trace: Trace) -> Iterator[_Start]:
    """Yield where streams started in one process, each with what was drawn from it since."""
    for number, name, place in _named(trace, _EPOCH):
        row = trace.events[number]
        if trace.strings[row["module"]] == _ORDER:  # else nothing but the workers' seeds is drawn
            loader, iterator = (int(value) for value in row["inputs"])
            yield _Start(
                name.removeprefix(_EPOCH), loader, iterator, None, _state(row), place, is_drawn=True
            )
    began: dict[tuple[str, int, int], tuple[np.void, Location]] = {}
    drawn: dict[tuple[str, int, int], set[str]] = {}
    for number, name, place in _named(trace, _WORKER):
        row = trace.events[number]
        stream, _, when = name.removeprefix(_WORKER).rpartition(":")
        key = stream, int(row["inputs"][0]), int(row["inputs"][1])
        if when == "before":
            began[key] = row, place
        else:
            drawn.setdefault(key, set()).add(when)
    for key, (row, place) in began.items():
        yield _Start(
            *key,
            int(row["aux"]),
            _state(row),
            place,
            is_iterable=trace.strings[row["module"]] == _ITERABLE,
            is_drawn="after" in drawn.get(key, ()),
            is_drawn_later="later" in drawn.get(key, ()),
        )


def _named(trace: Trace, prefix: str) -> Iterator[tuple[int, str, Location]]:
    for number in np.flatnonzero(trace.events["kind"] == EventKind.RNG).tolist():
        row = trace.events[number]
        name = trace.strings[row["name"]]
        if name.startswith(prefix):
            yield number, name, trace.locations[row["location"]]


def _state(row: np.void) -> State:
    return int(row["outputs"][0]), int(row["outputs"][1])


def _line(place: Location) -> str:
    return f"{place.path}:{place.line}"


def _listed(streams: Iterable[str]) -> str:
    return " and ".join(sorted(streams))
