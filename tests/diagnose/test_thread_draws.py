"""Draws of other threads from the stream that a source draws from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.sources import explain_sources
from reproaudit.diagnose.thread_draws import (
    drew_alike_before,
    find_call_in_thread,
    find_draw_in_thread,
    find_draw_in_turns,
)
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.runs import MAIN_PROCESS
from tests.comparison.traces import Row, make_run


def test_a_draw_from_a_generator_of_its_own_shares_no_stream(tmp_path: Path) -> None:
    own = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    rows = [
        Row("aten::randn", 1, flags=own, aux=1, thread=1, line=2),
        Row("aten::rand", 2, flags=EventFlag.RANDOM, aux=2, thread=1, line=3),
        Row("aten::bernoulli_.float", 3, flags=EventFlag.RANDOM, aux=3, line=4),
    ]
    other_rows = [rows[0], replace(rows[1], aux=3), replace(rows[2], aux=2)]
    trace, other = (make_run(tmp_path, n, each).main for n, each in enumerate((rows, other_rows)))
    found = find_draw_in_thread(trace, other, trace.op(2))
    assert found is not None
    assert found.number == 1
    assert find_draw_in_thread(trace, other, trace.op(1)) is None
    assert find_draw_in_thread(trace, trace, trace.op(2)) is None, "it drew in the same turn"


def test_only_functions_of_one_module_share_its_stream(tmp_path: Path) -> None:
    row = Row("random.Random", 1, 1, kind=EventKind.ENTROPY, thread=1)
    drawn = EntropyCall("random.random", MAIN_PROCESS, 0, 0, Strength.SPECIFIC, "", "", True)
    for number, (name, is_found) in enumerate(
        (("random.Random", False), ("random.seed", False), ("random.uniform", True))
    ):
        rows = [replace(row, name=name), replace(row, name=name, inputs=2)]
        trace = make_run(tmp_path, number, rows).main
        other = make_run(tmp_path / "other", number, [rows[0], replace(rows[1], inputs=3)]).main
        assert (find_call_in_thread(trace, other, drawn) is not None) == is_found
        assert find_call_in_thread(trace, trace, drawn) is None


def take_turns(*threads: int, flags: EventFlag = EventFlag.RANDOM) -> list[Row]:
    """Return draws from one stream, by these threads in this order, and what each makes of them."""
    draws = [
        Row("aten::rand", state, flags=flags, aux=state, thread=thread, line=3)
        for state, thread in enumerate(threads, 1)
    ]
    got = [sum(row.outputs << 8 * row.outputs for row in draws if row.thread == n) for n in (1, 2)]
    stacks = [Row("aten::stack", one, one, thread=n, line=4) for n, one in enumerate(got, 1)]
    return draws + stacks


def test_threads_that_take_turns_at_one_stream_are_named_by_their_draw_and_are_no_race(
    tmp_path: Path,
) -> None:
    runs = [
        make_run(tmp_path, n, take_turns(*turns)) for n, turns in enumerate(((1, 2, 1), (1, 1, 2)))
    ]
    a, b = runs
    (first, *_) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert (first.finding.cause, first.finding.op) == (Cause.RNG_ORDER, "aten::rand")
    assert first.finding.location is not None
    assert first.finding.location.line == 3


def test_turns_that_were_alike_or_at_streams_of_their_own_are_none(tmp_path: Path) -> None:
    own = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    for number, (first, second) in enumerate(
        (
            (take_turns(1, 2), take_turns(1, 2)),
            (take_turns(1, 2, flags=own), take_turns(2, 1, flags=own)),
            (take_turns(1, 1), take_turns(1, 1)),
        )
    ):
        traces = [
            make_run(tmp_path / str(number), n, rows).main for n, rows in enumerate((first, second))
        ]
        assert find_draw_in_turns(*traces) is None


def fill_slices(*threads: int, flags: EventFlag) -> list[Row]:
    """Return draws of two threads by turns, which each puts into a slice of its own of one tensor,
    and what the main thread makes of it."""
    rows = []
    for state, thread in enumerate(threads, 1):
        turn = EventFlag.IN_TURNS if state > 1 and threads[state - 2] != thread else EventFlag(0)
        draw = Row("aten::rand.generator", state, flags=flags | turn, aux=state, line=3)
        rows += [
            replace(draw, thread=thread),
            Row("aten::copy_", state, state, thread=thread, line=4),
        ]
    whole = sum(thread << 2 * state for state, thread in enumerate(threads))
    read = Row("aten::sum", whole, whole, flags=EventFlag.OUTSIDE_WRITE, aux=len(rows) - 1, line=6)
    return [*rows, read]


@pytest.mark.parametrize("kind", [EventFlag(0), EventFlag.OWN_GENERATOR])
def test_threads_that_fill_slices_of_their_own_by_turns_at_one_stream_are_no_race(
    tmp_path: Path, kind: EventFlag
) -> None:
    flags = EventFlag.RANDOM | kind
    rows = (fill_slices(*turns, flags=flags) for turns in ((1, 2, 1, 2), (1, 1, 2, 2)))
    a, b = (make_run(tmp_path, n, each) for n, each in enumerate(rows))
    (first, *_) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert (first.finding.cause, first.finding.op) == (Cause.RNG_ORDER, "aten::rand.generator")
    assert first.finding.location is not None
    assert first.finding.location.line == 3


def test_threads_that_write_what_they_wrote_before_race_though_they_draw_by_turns(
    tmp_path: Path,
) -> None:
    rows = [fill_slices(*turns, flags=EventFlag.RANDOM) for turns in ((1, 2, 1, 2), (1, 1, 2, 2))]
    # What is drawn is not what is written.
    steady = [
        [
            replace(row, outputs=row.thread, inputs=row.thread) if row.line == 4 else row
            for row in of
        ]
        for of in rows
    ]
    a, b = (make_run(tmp_path, n, each) for n, each in enumerate(steady))
    (first, *_) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert (first.finding.cause, first.finding.op) == (Cause.THREAD_RACE, "aten::copy_")


WEIGHTS = Row("aten::uniform_", 7, flags=EventFlag.RANDOM, aux=5, line=2)
# Of a dataset that puts the stream away, seeds it, and puts it back.
IMAGE = Row("aten::randn", 3, flags=EventFlag.RANDOM, aux=8, line=4)
DROPOUT = Row("aten::bernoulli_.float", 9, flags=EventFlag.RANDOM, aux=6, line=6)


@pytest.mark.parametrize("before", [[WEIGHTS, IMAGE], [IMAGE, WEIGHTS], [IMAGE]])
def test_a_stream_that_is_put_back_after_equal_draws_is_in_no_other_order(
    tmp_path: Path, before: list[Row]
) -> None:
    other = [replace(WEIGHTS, aux=15, outputs=17) if row is WEIGHTS else row for row in before]
    rows = [*before, DROPOUT], [*other, replace(DROPOUT, aux=16, outputs=19)]
    a, b = (make_run(tmp_path, n, each) for n, each in enumerate(rows))
    assert not drew_alike_before(a.main, b.main, a.main.op(len(before)))
    found = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert [one.finding.cause for one in found] == [Cause.UNSEEDED_RNG]


def test_one_draw_more_another_size_or_another_line_after_equal_draws_is_another_order(
    tmp_path: Path,
) -> None:
    more = Row("aten::rand", 4, flags=EventFlag.RANDOM, aux=6, line=5)
    last = replace(DROPOUT, aux=7, outputs=10)
    cases = (
        ([IMAGE, DROPOUT], [IMAGE, more, last]),
        ([IMAGE, more, last], [IMAGE, DROPOUT]),
        ([IMAGE, DROPOUT], [replace(IMAGE, outputs=4), last]),
        ([IMAGE, DROPOUT], [replace(IMAGE, line=5), last]),
    )
    for number, rows in enumerate(cases):
        a, b = (make_run(tmp_path / str(number), n, each).main for n, each in enumerate(rows))
        assert drew_alike_before(a, b, a.op(len(rows[0]) - 1))
