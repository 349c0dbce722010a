"""How a callable that answers for a batch is given its rows: in which portions, at which places,
beside which others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from reproaudit.codec import AtLeast0, AtLeast1


class Neighbours(str, Enum):
    """What the rows beside a row hold."""

    OWN = "own"
    OTHER = "other"  # the same shapes with other content


class Watched(str, Enum):
    """Which part of every tensor is compared where something beside it is changed."""

    ALL = "all"
    ROWS = "rows"  # every second row of a call: those between them are the neighbours
    UNPADDED = "unpadded"  # what is no padding


@dataclass(frozen=True, slots=True)
class Portions:
    """How the rows of a batch are given to a callable.

    `size` rows are given in each call, all of them if it is None. Within each call they are turned
    round by `turn` places. `padding` columns are added if the callable takes a mask that says so,
    else rows; they hold zeros, or with `is_filled` something else. With `parts` the callable is a
    training step that returns the loss of a batch: it is given the batch in so many parts, and
    gradients add up; nothing else is then asked for.
    """

    size: Annotated[int, AtLeast1] | None = None
    turn: Annotated[int, AtLeast0] = 0
    padding: Annotated[int, AtLeast0] = 0
    is_filled: bool = False
    neighbours: Neighbours = Neighbours.OWN
    watched: Watched = Watched.ALL
    parts: Annotated[int, AtLeast1] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of tensors that is looked at: of dimensions with `size` places, every `step`-th
    place before `stop`."""

    size: int
    stop: int
    step: int = 1
