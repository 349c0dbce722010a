"""What the fields of a record mean for its kind, and what a stranger's record reads as."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.trace.records import EVENT
from reproaudit.trace.view_maker import ViewMaker
from reproaudit.trace.views import (
    AlertEvent,
    Event,
    FileEvent,
    OpEvent,
    RaceEvent,
    ReplayEvent,
    RngEvent,
)

UNKNOWN, LINE_3 = Location("", 0), Location("train.py", 3, "main")
STRINGS = ("", "aten::mm", "it races with", "worker:torch.cpu:someday", "no such word")
BEYOND = 2**31
EVENTS = 10


def view(kind: EventKind, **fields: Any) -> Event:
    rows = np.zeros(1, dtype=EVENT)
    for field, value in {"kind": kind, **fields}.items():
        rows[field] = value
    maker = ViewMaker(STRINGS, (UNKNOWN, LINE_3), EVENTS)
    return maker.view(7, rows[0])


def operator(flags: EventFlag, about: int) -> OpEvent:
    found = view(EventKind.OP, flags=int(flags), aux=about)
    assert isinstance(found, OpEvent)
    return found


def test_an_id_outside_its_table_reads_as_nothing_known() -> None:
    found = view(EventKind.LINE, name=BEYOND, location=BEYOND)
    assert (found.name, found.location) == ("", UNKNOWN)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (EventFlag.RANDOM, (5, None, None)),
        (EventFlag.READS_UNDEFINED, (None, 5, None)),
        (EventFlag.UNDEFINED, (None, 5, None)),
        (EventFlag.OUTSIDE_WRITE, (None, None, 5)),
        (EventFlag.RANDOM | EventFlag.READS_UNDEFINED, (5, None, None)),
        (EventFlag.VIEW, (None, None, None)),
    ],
)
def test_the_flags_of_an_op_say_what_its_one_field_holds(
    flags: EventFlag, expected: tuple[int | None, int | None, int | None]
) -> None:
    found = operator(flags, 5)
    assert (found.drew_from, found.allocated_by, found.made_by) == expected


def test_an_event_number_beyond_the_trace_is_none_but_a_state_may_be_any_number() -> None:
    assert operator(EventFlag.OUTSIDE_WRITE, EVENTS - 1).made_by == EVENTS - 1
    assert operator(EventFlag.OUTSIDE_WRITE, EVENTS).made_by is None
    assert operator(EventFlag.RANDOM, BEYOND).drew_from == BEYOND


def test_an_alert_that_raced_names_the_other_use() -> None:
    fields: dict[str, Any] = {"name": 1, "aux": 2, "location": 1, "outputs": (1, 0)}
    assert isinstance(view(EventKind.ALERT, **fields), AlertEvent)
    race = view(EventKind.ALERT, flags=int(EventFlag.RACED), inputs=(1, 1), **fields)
    assert isinstance(race, RaceEvent)
    assert (race.op, race.message, race.is_with_host) == ("aten::mm", "it races with", True)
    assert (race.other.op, race.other.location) == ("aten::mm", LINE_3)


def test_a_worker_at_an_unknown_moment_is_the_state_of_a_stream_of_that_name() -> None:
    found = view(EventKind.RNG, name=3, outputs=(8, 9))
    assert isinstance(found, RngEvent)
    assert (found.stream, found.state) == ("worker:torch.cpu:someday", (8, 9))


def test_a_word_that_this_version_does_not_know_is_none() -> None:
    file = view(EventKind.FILE, aux=4)
    replay = view(EventKind.REPLAY, count=99)
    assert isinstance(file, FileEvent)
    assert isinstance(replay, ReplayEvent)
    assert (file.access, replay.way) == (None, None)
