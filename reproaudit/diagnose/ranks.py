"""What only the ranks of one run show, compared with each other: deterministic, and wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.ranks import Parting, RankComparison, Ranks, find_writer
from reproaudit.model.events import EventKind, Location, ProgramWarning
from reproaudit.trace.runs import Run


def find_drift(run: Run, interned: Interned) -> tuple[ProgramWarning, ...]:
    """Return what to say of copies of a model that part, though nothing differs between runs.

    RA506: parameters do. RA507: buffers do. Of a run that records ops, the op that made the
    difference is named.
    """
    ranks = {trace.process.rank: trace for _, trace in run.ranks}
    if len(ranks) < 2:
        return ()
    comparison = RankComparison(ranks, interned)
    found = []
    parting = comparison.find_parting()
    if parting is not None:
        found.append(_add_writer(_warn_of_parting(parting), parting, ranks))
    buffer = comparison.find_parted_buffer()
    if buffer is not None:
        found.append(_warn_of_buffer(buffer))
    return tuple(found)


def _warn_of_parting(parting: Parting) -> ProgramWarning:
    where = show_parts(parting.parts)
    step = parting.step
    name = parting.name
    others = f" ({parting.count} tensors do)" if parting.count > 1 else ""
    if parting.is_start:
        place = parting.wrapped_at or parting.steps_at
        told = f"the copies of the model differ before the first step: {name} {where}{others}"
    elif parting.kind is EventKind.GRADIENT:
        place = parting.steps_at or parting.wrapped_at
        told = (
            f"the copies of the model part at step {step}: when the optimizer steps{_at(place)}, "
            f"the gradient of {name} {where}{others}; no reduction over the ranks came after "
            "what changed it"
        )
    elif parting.kind is EventKind.STATE:
        place = parting.steps_at or parting.wrapped_at
        told = (
            f"the copies of the model part at step {step}: when the optimizer steps{_at(place)}, "
            f"its state {name} {where}{others}, though gradients are equal"
        )
    else:
        place = parting.steps_at or parting.wrapped_at
        told = (
            f"the copies of the model part at step {step}: after the optimizer stepped"
            f"{_at(place)}, {name} {where}{others}, though gradients and the optimizer's state "
            "were equal before"
        )
    return ProgramWarning(
        rule="RA506", location=place, others=tuple(_others(parting, place)), message=told
    )


def _add_writer(warning: ProgramWarning, parting: Parting, ranks: Ranks) -> ProgramWarning:
    """Add which op left the tensor as the fewer ranks have it, where ops are recorded."""
    *rest, least = sorted(parting.parts, key=_size_and_last)
    writers = []
    for rank in (rest[0][0], least[0]):
        writer = find_writer(ranks[rank], parting.events[rank])
        if writer is None or writer.known_location is None:
            return warning
        writers.append(writer)
    common, other = writers
    place = other.location
    op = f"{other.shown_name} at {place.path}:{place.line}"
    if (common.name, common.location) != (other.name, place):
        told = f"; there {op} wrote it last"
    elif other.drew_from != common.drew_from:
        told = f"; {op} drew it, from another random state"
    else:
        told = f"; {op} wrote it"
    others = warning.others
    if warning.location is not None:
        others = (warning.location, *others)
    return replace(warning, message=warning.message + told, location=place, others=others)


def _warn_of_buffer(parting: Parting) -> ProgramWarning:
    place = parting.wrapped_at or parting.steps_at
    where = show_parts(parting.parts)
    others = f" ({parting.count} buffers do)" if parting.count > 1 else ""
    made = "" if parting.wrapped_at is None else f"; the copies are made{_at(parting.wrapped_at)}"
    return ProgramWarning(
        rule="RA507",
        location=place,
        message=f"each rank changes buffers on its own, and nothing makes them equal: from step "
        f"{parting.step} on {parting.name} {where}{others}{made}",
    )


def _at(place: Location | None) -> str:
    return "" if place is None else f" at {place.place}"


def _others(parting: Parting, place: Location | None) -> Iterator[Location]:
    if parting.wrapped_at is not None and parting.wrapped_at != place:
        yield parting.wrapped_at


def show_parts(parts: Sequence[Sequence[int]]) -> str:
    """Say which ranks differ from which: the smaller part from the larger ones."""
    world = sum(map(len, parts))
    if len(parts) == world and world > 2:
        return f"differs on all {world} ranks"
    *rest, least = sorted(parts, key=_size_and_last)
    if len(parts) > 2:
        return f"differs between {' | '.join(show_ranks(part) for part in parts)}"
    return f"is another on {show_ranks(least)} than on {show_ranks(rest[0])}"


def _size_and_last(part: Sequence[int]) -> tuple[int, int]:
    return -len(part), part[0]


def show_ranks(ranks: Sequence[int]) -> str:
    """Return ranks as words: "rank 1", "ranks 0 and 2"."""
    *most, last = [str(rank) for rank in ranks]
    if not most:
        return f"rank {last}"
    return f"ranks {', '.join(most)} and {last}"
