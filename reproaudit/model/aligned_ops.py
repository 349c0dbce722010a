"""Owns the operators of two runs, aligned: what a person can look through around any place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from reproaudit.model.events import Location
from reproaudit.model.packed import Packed


class RowState(IntEnum):
    """How an aligned pair of calls, or a call that one run alone has, compares."""

    EQUAL = 0
    SOURCE = 1  # a difference is born here
    CARRIER = 2  # its inputs differ already, and its outputs too
    ABSORBED = 3  # its inputs differ, its outputs do not
    ONLY_A = 4
    ONLY_B = 5
    UNCOMPARED = 6  # a view, undefined memory, or not digested: its outputs say nothing


@dataclass(frozen=True, slots=True)
class Stretch:
    """`rows` aligned rows of one process, without a gap.

    `first_row` is the place of the first among the `total` of the process. The columns have one
    length: `state` (|u1, RowState), `phase` (|u1, Phase), `op`, `module` (numbers of
    `AlignedOps.strings`) and `location` (of `AlignedOps.locations`), each |u1, <u2 or <u4, and
    `step` (<i4).
    """

    process: str
    first_row: int
    total: int
    state: Packed
    phase: Packed
    op: Packed
    module: Packed
    location: Packed
    step: Packed

    @property
    def rows(self) -> int:
        return self.state.length


@dataclass(frozen=True, slots=True)
class AlignedOps:
    """Stretches of the main threads' operators, in order: several of one process have gaps
    between."""

    runs: tuple[int, int]
    strings: tuple[str, ...]  # 0 is ""
    locations: tuple[Location, ...]  # 0 is unknown: line 0
    stretches: tuple[Stretch, ...]
