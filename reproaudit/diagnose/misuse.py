"""Random streams that are used wrongly though every run is alike: what equal runs do not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from reproaudit.comparison.training_batches import read_training_batches
from reproaudit.model.events import EventFlag, EventKind, Location, ProgramWarning
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, find_home
from reproaudit.trace.views import Digest, WorkerEvent
from reproaudit.trace.words import LoaderUse, WorkerMoment

_DISTRIBUTED = "DistributedSampler"
_SEEDINGS = {"torch": "torch.manual_seed", "numpy": "numpy.random.seed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _StreamStart:
    """A stream as one epoch of a DataLoader finds it.

    `home` is the rank that the stream works for. `worker` is None in the process that iterates.
    `is_drawn`: something drew from the stream in
    the first batch; `is_drawn_later`: in a later one.
    """

    home: str
    stream: str
    loader: int
    iterator: int
    worker: int | None
    state: Digest
    location: Location
    is_iterable: bool = False
    is_drawn: bool = False
    is_drawn_later: bool = False

    @property
    def epoch(self) -> tuple[str, str, int, int]:
        return self.home, self.stream, self.loader, self.iterator

    @property
    def is_drawn_per_sample(self) -> bool:
        """True if numbers are drawn for the samples."""
        if self.is_iterable:
            # Workers that shuffle alike once, and then each take their own share, are right to.
            return self.is_drawn_later
        return self.is_drawn


def find_misuse(run: Run) -> tuple[ProgramWarning, ...]:
    """Return a warning for each misuse of a random stream that an operation-level run shows.

    RA501: workers draw the same numbers. RA502: epochs do. RA503: a seed is set after numbers were
    drawn. RA511: a DistributedSampler shuffles alike in each epoch. Only streams that are drawn
    from count; what is drawn without gradients is an evaluation and is not looked at.
    """
    starts: list[_StreamStart] = []
    for process, trace in run.traces:
        starts += _read_starts(trace, find_home(process))
    return (
        *_find_shared_by_workers(starts),
        *_find_repeated_by_epochs(starts),
        *_find_epochs_never_set(run),
        *_find_late_seeds(run.main),
    )


def _find_shared_by_workers(starts: Sequence[_StreamStart]) -> Iterator[ProgramWarning]:
    in_workers = [start for start in starts if start.worker is not None]
    # One warning per loader and line, with all the streams that it is about.
    found: dict[tuple[int, Location], set[str]] = {}
    for one, other in combinations(in_workers, 2):
        if not _draw_the_same(one, other):
            continue
        key = (one.loader, one.location)
        streams = found.setdefault(key, set())
        streams.add(one.stream)
    for (_, place), streams in found.items():
        at = _show_line(place)
        shown = _join(streams)
        yield ProgramWarning(
            rule="RA501",
            location=place,
            message=f"the workers of the DataLoader iterated at {at} draw the same "
            f"random numbers: each starts {shown} from the same state",
        )


def _draw_the_same(one: _StreamStart, other: _StreamStart) -> bool:
    """Return True if two workers of one epoch draw for samples from the same state."""
    if one.epoch != other.epoch:
        return False
    if one.worker == other.worker:
        return False
    # Equal states that nothing draws from do no harm.
    are_drawn = one.is_drawn_per_sample and other.is_drawn_per_sample
    return are_drawn and one.state == other.state


def _find_repeated_by_epochs(starts: Sequence[_StreamStart]) -> Iterator[ProgramWarning]:
    # Each rank, and each worker of it, has streams of its own, and each repeats by itself.
    series: dict[tuple[str, int, str, int | None], list[_StreamStart]] = {}
    for start in starts:
        if not start.is_drawn or start.stream == _DISTRIBUTED:
            continue
        owner = (start.home, start.loader, start.stream, start.worker)
        epochs = series.setdefault(owner, [])
        epochs.append(start)
    found: dict[tuple[int, Location], set[str]] = {}
    for (_, loader, stream, _), epochs in series.items():
        epochs.sort(key=_read_iterator)
        # Only epochs that follow each other count: a second training in one program may well
        # repeat the first.
        repeats = any(one.state == other.state for one, other in pairwise(epochs))
        if not repeats:
            continue
        key = (loader, epochs[0].location)
        streams = found.setdefault(key, set())
        streams.add(stream)
    # In the order of the loaders: the series begin with those of the main process.
    for (_, place), streams in sorted(found.items(), key=_read_loader):
        at = _show_line(place)
        shown = _join(streams)
        yield ProgramWarning(
            rule="RA502",
            location=place,
            message=f"epochs of the DataLoader iterated at {at} draw the same "
            f"random numbers: each starts {shown} from the same state",
        )


def _find_epochs_never_set(run: Run) -> Iterator[ProgramWarning]:
    # One warning per line: each rank has the same loader.
    found: dict[Location, int] = {}
    for _, trace in run.traces:
        epochs: dict[tuple[int, Location], list[Digest]] = {}
        for epoch in trace.epochs():
            if epoch.stream == _DISTRIBUTED and epoch.use is LoaderUse.ORDER:
                states = epochs.setdefault((epoch.loader, epoch.location), [])
                states.append(epoch.state)
        repeated = {
            place: len(states)
            for (_, place), states in epochs.items()
            if len(states) > 1 and len(set(states)) == 1
        }
        if repeated:
            # An evaluation is right to repeat itself.
            trained_on = {batch.loader for batch in read_training_batches(trace)}
            found |= {place: n for place, n in repeated.items() if place in trained_on}
    for place, count in found.items():
        yield ProgramWarning(
            rule="RA511",
            location=place,
            message=f"the DistributedSampler of the DataLoader iterated at {_show_line(place)} "
            f"shuffles alike in each of {count} epochs: set_epoch was not called",
        )


def _read_iterator(start: _StreamStart) -> int:
    return start.iterator


def _read_loader(item: tuple[tuple[int, Location], set[str]]) -> int:
    (loader, _), _ = item
    return loader


def _find_late_seeds(trace: Trace) -> Iterator[ProgramWarning]:
    for seed in trace.late_seeds():
        drawn_at: Location | None = None
        # Draws of other libraries are not recorded one by one.
        if seed.stream == "torch":
            drawn_at = _find_first_draw(trace, seed.number)
        where = ""
        others: tuple[Location, ...] = ()
        if drawn_at is not None:
            where = f" at {_show_line(drawn_at)}"
            others = (drawn_at,)
        call = _SEEDINGS.get(seed.stream, seed.stream)
        at = _show_line(seed.location)
        yield ProgramWarning(
            rule="RA503",
            location=seed.location,
            others=others,
            message=f"{call} at {at} comes after numbers were "
            f"drawn from that stream{where}: those do not follow from the seed",
        )


def _find_first_draw(trace: Trace, before: int) -> Location | None:
    """Return the line of the first draw from a default generator; None if it is not known."""
    draws = trace.columns.numbers(EventKind.OP, flags=EventFlag.RANDOM)
    for number in draws.tolist():
        if number >= before:
            break
        op = trace.op(number)
        # A generator of the program's own is not what the seed is for.
        if EventFlag.OWN_GENERATOR not in op.flags:
            return op.known_location
    return None


def _read_starts(trace: Trace, home: str) -> Iterator[_StreamStart]:
    """Yield where streams started in one process, each with what was drawn from it since."""
    for epoch in trace.epochs():
        # Otherwise nothing but the workers' seeds is drawn.
        if epoch.use is LoaderUse.ORDER:
            yield _StreamStart(
                home=home,
                stream=epoch.stream,
                loader=epoch.loader,
                iterator=epoch.iterator,
                worker=None,
                state=epoch.state,
                location=epoch.location,
                is_drawn=True,
            )
    starts: dict[tuple[str, int, int], WorkerEvent] = {}
    drawn: dict[tuple[str, int, int], set[WorkerMoment]] = {}
    for event in trace.worker_states():
        epoch_of_stream = event.stream, event.loader, event.iterator
        if event.moment is WorkerMoment.BEFORE:
            starts[epoch_of_stream] = event
        else:
            seen = drawn.setdefault(epoch_of_stream, set())
            seen.add(event.moment)
    for epoch_of_stream, start in starts.items():
        moments = drawn.get(epoch_of_stream, set())
        yield _StreamStart(
            home=home,
            stream=start.stream,
            loader=start.loader,
            iterator=start.iterator,
            worker=start.worker,
            state=start.state,
            location=start.location,
            is_iterable=start.use is LoaderUse.ITERABLE,
            is_drawn=WorkerMoment.AFTER in moments,
            is_drawn_later=WorkerMoment.LATER in moments,
        )


def _show_line(place: Location) -> str:
    return place.place


def _join(streams: Iterable[str]) -> str:
    return " and ".join(sorted(streams))
