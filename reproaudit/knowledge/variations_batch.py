"""Variations of how a callable that answers for a batch is given its rows."""

from __future__ import annotations

from reproaudit.config.portions import Neighbours, Portions
from reproaudit.config.settings import bad_value
from reproaudit.knowledge.variation import Variation, change_nothing

BATCH = "batch"
PLACE = "place"
NEIGHBOURS = "neighbours"
PADDING = "padding"
SPLIT = "batch_split"


def _read_number(name: str, value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) < 1 << 31:
        raise bad_value(name, value, "a whole number from 1 on")
    return int(value)


def _give_size(value: str) -> Portions:
    return Portions(size=_read_number(BATCH, value))


def _turn(value: str) -> Portions:
    return Portions(turn=_read_number(PLACE, value))


def _pad(value: str) -> Portions:
    return Portions(padding=_read_number(PADDING, value))


def _split(value: str) -> Portions:
    return Portions(parts=_read_number(SPLIT, value))


def _change_neighbours(value: str) -> Portions:
    if value != Neighbours.OTHER.value:
        raise bad_value(NEIGHBOURS, value, Neighbours.OTHER.value)
    return Portions(neighbours=Neighbours.OTHER)


# Without values of their own: they are for callables alone, and only made where they are named.
_BATCH = (
    (
        BATCH,
        "how many rows are answered together",
        "The callable is given its rows in batches of that size, and what it answers for each row "
        "is compared with what it answers for the row alone.",
        _give_size,
    ),
    (
        PLACE,
        "the place that a row has in its batch",
        "The rows of each batch are turned round by so many places.",
        _turn,
    ),
    (
        NEIGHBOURS,
        "what the other rows of a batch hold",
        "Every second row is given other content of the same shape, then the rows between them.",
        _change_neighbours,
    ),
    (
        PADDING,
        "padding, by columns that a mask hides or by rows",
        "So many columns are added if the callable takes a mask that hides them, else rows: once "
        "of zeros, once of something else.",
        _pad,
    ),
    (
        SPLIT,
        "in how many parts a batch is trained on, gradients adding up",
        "The callable is a training step: it takes a batch and returns its loss, or is an "
        "nn.Module, whose outputs' mean square is. The batch is split along its first dimension; "
        "each part's loss counts by its share of the rows, and the loss and the gradients of all "
        "parts are compared with those of the batch as a whole.",
        _split,
    ),
)
ANSWERING = tuple(
    Variation(
        id=name,
        what=what,
        values=(),
        change=change_nothing,
        how=how,
        in_all=False,
        find_portions=find,
    )
    for name, what, how, find in _BATCH
)
