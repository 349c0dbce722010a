"""What ranks do alike that train on different samples, or differently that train together.

Every run may do so again: deterministic, and wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.ranks import RankComparison
from reproaudit.comparison.training_batches import TrainingBatch, read_training_batches
from reproaudit.diagnose.ranks import show_ranks
from reproaudit.model.events import Location, Phase, ProgramWarning
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, find_home
from reproaudit.trace.views import DrawEvent, EpochEvent, WorkerEvent
from reproaudit.trace.words import JOIN, WorkerMoment

_LEAST = 2  # batches, or draws, that are equal: one may be chance
# Noise for the elements of a batch. What decides for the whole batch has to agree on all ranks.
_NOISE = (
    "aten::bernoulli",
    "aten::native_dropout",
    "aten::rand_like",
    "aten::randn_like",
    "aten::normal_",
    "aten::rrelu_with_noise",
    "aten::_fused_dropout",
    "aten::_scaled_dot_product",
)
_SEEDINGS = {
    "python": "random.seed",
    "numpy": "numpy.random.seed",
    "torch": "torch.manual_seed",
}


@dataclass(frozen=True, slots=True)
class _Draw:
    """A draw of one rank: the stream, its state before, and the line it belongs to."""

    stream: str
    state: object
    location: Location
    event: int
    what: str


class _Rank:
    """One rank: its trace, and those of the workers that read for it."""

    def __init__(self, number: int, trace: Trace, workers: Sequence[Trace]) -> None:
        self.number = number
        self.trace = trace
        self.workers = workers

    @cached_property
    def batches(self) -> tuple[TrainingBatch, ...]:
        return read_training_batches(self.trace)

    @cached_property
    def epochs(self) -> tuple[EpochEvent, ...]:
        return tuple(self.trace.epochs())

    @cached_property
    def loaders(self) -> frozenset[Location]:
        """The lines of the loaders that are trained on."""
        return frozenset(batch.loader for batch in self.batches)


def find_rank_misuse(run: Run, interned: Interned) -> tuple[ProgramWarning, ...]:
    """Return what to say of the data and the draws of ranks that train copies of one model.

    RA508: they draw the same. RA509: they get the same samples. RA510: another number of batches,
    or not all of the samples. Only what is trained on is looked at.
    """
    ranks = _gather_ranks(run)
    if len(ranks) < 2:
        return ()
    comparison = RankComparison({rank.number: rank.trace for rank in ranks}, interned)
    found: list[ProgramWarning] = []
    for numbers in comparison.list_groups():
        group = [rank for rank in ranks if rank.number in numbers]
        found += _find_same_samples(group)
        found += _find_other_counts(group)
        found += _find_untaken_shares(group, is_whole=len(ranks) == run.world)
        found += _find_shared_draws(group)
    return tuple(dict.fromkeys(found))


def _gather_ranks(run: Run) -> list[_Rank]:
    ranks = []
    for label, trace in run.ranks:
        home = find_home(label)
        workers = []
        for process, other in run.traces:
            if process != label and find_home(process) in (home, f"rank-{trace.process.rank}"):
                workers.append(other)
        ranks.append(_Rank(trace.process.rank, trace, workers))
    return ranks


# -- samples


def _find_same_samples(group: Sequence[_Rank]) -> Iterator[ProgramWarning]:
    first = group[0]
    for loader in _list_loaders(group):
        mine = _select(first, loader)
        same = [first.number]
        for other in group[1:]:
            if _are_same(mine, _select(other, loader)) and not _take_shares(first, other, loader):
                same.append(other.number)
        if len(same) < 2:
            continue
        yield ProgramWarning(
            rule="RA509",
            location=loader,
            message=f"{show_ranks(same)} train on the same samples: the DataLoader iterated at "
            f"{_show(loader)} hands out equal batches on each"
            f"{_tell_sampler(group, loader)}",
        )


def _are_same(mine: Sequence[TrainingBatch], others: Sequence[TrainingBatch]) -> bool:
    """Return True if the batches are equal, and so is what modules were given of them."""
    count = min(len(mine), len(others))
    pairs = list(zip(mine[:count], others[:count], strict=True))
    if any(a.content != b.content or a.inputs != b.inputs for a, b in pairs):
        return False
    # One batch that is repeated is all the data that there is.
    return len({a.content for a, _ in pairs}) >= _LEAST


def _take_shares(first: _Rank, other: _Rank, loader: Location) -> bool:
    """Return True if a DistributedSampler gives them different shares: the samples are alike."""
    mine, others = _find_share(first, loader), _find_share(other, loader)
    return mine[1] > 1 and mine[1] == others[1] and mine[0] != others[0]


def _tell_sampler(group: Sequence[_Rank], loader: Location) -> str:
    shares = {_find_share(rank, loader) for rank in group}
    if shares == {(0, 0)}:
        return "; it has no DistributedSampler"
    if len(shares) == 1:
        number, count = shares.pop()
        return f"; its DistributedSampler takes share {number} of {count} on each rank"
    return ""


def _find_share(rank: _Rank, loader: Location) -> tuple[int, int]:
    for epoch in rank.epochs:
        if epoch.location == loader:
            return epoch.share, epoch.shares
    return 0, 0


def _find_untaken_shares(group: Sequence[_Rank], *, is_whole: bool) -> Iterator[ProgramWarning]:
    if not is_whole:
        return  # another rank, which left no trace, may take them
    for loader in _list_loaders(group):
        shares = [_find_share(rank, loader) for rank in group]
        counts = {count for _, count in shares}
        if len(counts) != 1 or 0 in counts:
            continue
        (count,) = counts
        untaken = [number for number in range(count) if (number, count) not in shares]
        if untaken and len({number for number, _ in shares}) == len(group):
            yield ProgramWarning(
                rule="RA510",
                location=loader,
                message=f"some samples are never trained on: the DistributedSampler of the "
                f"DataLoader iterated at {_show(loader)} makes {count} shares, and the "
                f"{len(group)} ranks take {len(group)} of them",
            )


def _find_other_counts(group: Sequence[_Rank]) -> Iterator[ProgramWarning]:
    """Warn of epochs that have more batches on one rank than on another."""
    if any(replica.name == JOIN for rank in group for replica in rank.trace.replicas()):
        return  # which is made for ranks that end early
    for loader in _list_loaders(group):
        counts = [_count_batches(rank, loader) for rank in group]
        for epoch, found in enumerate(zip(*counts, strict=False), 1):
            if len(set(found)) < 2:
                continue
            told = ", ".join(
                f"{count} on rank {rank.number}" for rank, count in zip(group, found, strict=True)
            )
            yield ProgramWarning(
                rule="RA510",
                location=loader,
                message=f"the ranks do not get the same number of batches: the DataLoader iterated "
                f"at {_show(loader)} hands out {told} in epoch {epoch}",
            )
            break


def _count_batches(rank: _Rank, loader: Location) -> list[int]:
    """Return the number of batches of each epoch of a loader that has ended for certain."""
    starts = [epoch.number for epoch in rank.epochs if epoch.location == loader]
    events = [batch.event for batch in rank.batches if batch.loader == loader]
    return [sum(start < event < end for event in events) for start, end in pairwise(starts)]


def _list_loaders(group: Sequence[_Rank]) -> list[Location]:
    """Return the loaders that all ranks train on, in the order of the first rank."""
    met = dict.fromkeys(batch.loader for batch in group[0].batches)
    return [loader for loader in met if all(loader in rank.loaders for rank in group[1:])]


def _select(rank: _Rank, loader: Location) -> list[TrainingBatch]:
    return [batch for batch in rank.batches if batch.loader == loader]


# -- draws


def _find_shared_draws(group: Sequence[_Rank]) -> Iterator[ProgramWarning]:
    if not _train_on_different_data(group):
        return
    first = group[0]
    for read in (_read_worker_draws, _read_fetch_draws, _read_noise):
        mine = read(first)
        same = [first.number]
        shared: list[_Draw] = []
        for other in group[1:]:
            theirs = read(other)
            equal = [mine[key] for key in mine if key in theirs and _is_equal(mine, theirs, key)]
            if len(equal) >= _LEAST:
                same.append(other.number)
                shared = shared or equal
        if shared:
            yield _warn_of_shared_draws(first, same, shared)


def _is_equal(mine: dict[object, _Draw], theirs: dict[object, _Draw], key: object) -> bool:
    return mine[key].state == theirs[key].state


def _train_on_different_data(group: Sequence[_Rank]) -> bool:
    """Return True if the ranks were given different batches at most steps."""
    given = [[batch.inputs or batch.content for batch in rank.batches] for rank in group]
    steps = list(zip(*given, strict=False))
    different = sum(len(set(step)) == len(group) for step in steps)
    return different >= _LEAST and 2 * different > len(steps)


def _warn_of_shared_draws(
    first: _Rank, same: Sequence[int], shared: Sequence[_Draw]
) -> ProgramWarning:
    draw = shared[0]
    streams = " and ".join(sorted({one.stream for one in shared}))
    seed = _find_seed(first.trace, draw)
    at = draw.location
    place = at
    others: tuple[Location, ...] = ()
    seeded = ""
    if seed is not None:
        place = seed[1]
        others = (at,)
        seeded = f": {seed[0]} at {_show(seed[1])} gives each of them the same seed"
    return ProgramWarning(
        rule="RA508",
        location=place if place.line > 0 else None,
        others=others,
        message=f"{show_ranks(same)} draw the same random numbers for different samples: "
        f"{draw.what}{_at(at)} draws from {streams} in equal states{seeded}",
    )


def _find_seed(trace: Trace, draw: _Draw) -> tuple[str, Location] | None:
    """Return the last seed call for the stream before the draw, and its line."""
    found = None
    for seed in trace.seeds():
        # The streams of workers follow from torch's.
        is_of_stream = draw.stream.split(".")[0] == seed.stream or draw.what.startswith("a worker")
        if seed.number < draw.event and is_of_stream and seed.location.line > 0:
            found = _SEEDINGS.get(seed.stream, seed.stream), seed.location
    return found


def _read_worker_draws(rank: _Rank) -> dict[object, _Draw]:
    """Return where the streams of workers stood that samples are drawn from."""
    last = len(rank.trace.events)
    found: dict[object, _Draw] = {}
    for trace in rank.workers:
        starts: dict[object, WorkerEvent] = {}
        for event in trace.worker_states():
            key = (event.stream, event.loader, event.iterator, event.worker)
            if event.moment is WorkerMoment.BEFORE:
                starts[key] = event
            elif key in starts and starts[key].location in rank.loaders:
                what = "a worker of the DataLoader iterated"
                start = starts[key]
                found[key] = _Draw(start.stream, start.state, start.location, event=last, what=what)
    return found


def _read_fetch_draws(rank: _Rank) -> dict[object, _Draw]:
    """Return where streams stood that the process that trains drew from while it fetched."""
    counts: dict[object, int] = {}
    found: dict[object, _Draw] = {}
    for event in rank.trace.fetches():
        if event.location not in rank.loaders:
            continue
        group = (event.stream, event.loader, event.iterator)
        counts[group] = counts.get(group, 0) + 1
        what = "the DataLoader iterated"
        key = (group, counts[group])
        found[key] = _Draw(event.stream, event.state, event.location, event=event.number, what=what)
    return found


def _read_noise(rank: _Rank) -> dict[object, _Draw]:
    """Return the draws of noise in modules, such as dropout, in the forward pass."""
    counts: dict[object, int] = {}
    found: dict[object, _Draw] = {}
    for draw in rank.trace.draws():
        if not _is_noise(draw):
            continue
        group = (draw.step, draw.op, draw.module, draw.location)
        counts[group] = counts.get(group, 0) + 1
        what = f"{draw.op.removesuffix('.default')} in {draw.module}"
        found[group, counts[group]] = _Draw(
            "torch", draw.state, draw.location, event=draw.number, what=what
        )
    return found


def _is_noise(draw: DrawEvent) -> bool:
    is_in_module = draw.phase is Phase.FORWARD and draw.module != ""
    return is_in_module and draw.op.startswith(_NOISE) and draw.state != 0


def _show(place: Location) -> str:
    return f"{place.path}:{place.line}"


def _at(place: Location) -> str:
    return f" at {_show(place)}" if place.line > 0 else ""
