"""Owns the operators of two runs, aligned: what a person can look through around any place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from reproaudit.model.events import Location
from reproaudit.model.packed import Packed


class RowState(IntEnum):
    """How an aligned pair of calls, or a call that one run alone has, compares."""

    EQUAL = 0
    SOURCE = 1  # a difference is born here, or comes in from outside
    CARRIER = 2  # its inputs differ already, or another rank sent what differs
    ABSORBED = 3  # its inputs differ, its outputs do not
    ONLY_A = 4
    ONLY_B = 5
    # a view, undefined memory, or not digested: its inputs are equal, its outputs say nothing
    UNCOMPARED = 6


@dataclass(frozen=True, slots=True)
class Stretch:
    """`rows` aligned rows of one process, without a gap.

    `first_row` is the place of the first among the `total` of the process. The columns have one
    length: `state` (|u1, RowState), `phase` (|u1, Phase), `op`, `module` (numbers of
    `AlignedOps.strings`) and `location` (of `AlignedOps.locations`), each |u1, <u2 or <u4, and
    `step` (<i4). What both runs have is named as the first one names it.
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
    """Stretches of the main threads' operators, process by process and in order.

    Between several of one process rows are left out. Where the runs have different calls at one
    place, those of the first run come first. The runs of an audit that record operators are not
    those that decide, and have numbers of their own.
    """

    runs: tuple[int, int]
    folders: tuple[str, str]  # the names of those that their traces are in
    strings: tuple[str, ...]  # 0 is ""
    locations: tuple[Location, ...]  # 0 is unknown: line 0
    stretches: tuple[Stretch, ...]
    # aligned rows of processes that have no stretch, for others have many
    left_out_rows: int = 0
