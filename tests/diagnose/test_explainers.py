"""What a source says about its cause, by its origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, differing_calls, strength_of
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Origin, Source, localise
from reproaudit.diagnose.attribute import drop_suspicion
from reproaudit.diagnose.cases import Answer, make_case
from reproaudit.diagnose.explainers import EXPLAINERS, explain
from reproaudit.diagnose.sources import explain_sources
from reproaudit.model.cause import Cause
from reproaudit.model.events import Change, EventFlag, EventKind, Location, Phase
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import LATE_SEED_PREFIX
from tests.comparison.traces import Row, make_run

ROWS = [
    Row("aten::empty.memory_format", flags=EventFlag.UNDEFINED, line=3),
    Row("aten::uniform_", 7, flags=EventFlag.RANDOM, aux=5, line=4),
    Row("aten::mm", 8, 1, line=6),
]
EMPTY, DRAW, PRODUCT = range(3)
OTHER_STATE = [*ROWS[:DRAW], replace(ROWS[DRAW], aux=6), ROWS[PRODUCT]]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Run, Run]:
    return make_run(tmp_path, 0, ROWS), make_run(tmp_path, 1, OTHER_STATE)


def source(origin: Origin, event: int, **more: object) -> Source:
    return replace(Source(origin, MAIN_PROCESS, event, event, float(event)), **more)


def call(name: str, *, event: int = 0, process: str = MAIN_PROCESS) -> EntropyCall:
    return EntropyCall(name, process, event, 0, strength_of(name), "1", "2", False)


def answer(pair: tuple[Run, Run], one: Source, calls: Sequence[EntropyCall] = ()) -> Answer:
    return explain(make_case(one, pair, calls))


def test_every_origin_has_an_explainer() -> None:
    assert set(EXPLAINERS) == set(Origin)


def test_an_op_with_equal_inputs_is_a_kernel(pair: tuple[Run, Run]) -> None:
    found = answer(pair, source(Origin.OP, PRODUCT))
    assert (found.cause, found.op) == (Cause.KERNEL, "aten::mm")


def test_an_op_after_another_number_of_threads_was_set_is_blamed_on_the_line_that_set_it(
    pair: tuple[Run, Run],
) -> None:
    runs = []
    for number, run in zip(("5", "4"), pair, strict=True):
        ((label, trace),) = run.traces
        change = Change("threads", "2", number, Location("train.py", 2, "main"))
        runs.append(replace(run, traces=((label, replace(trace, changes=(change,))),)))
    a, b = runs
    found = answer((a, b), source(Origin.OP, PRODUCT))
    assert (found.cause, found.op) == (Cause.THREAD_COUNT, "aten::mm")
    assert found.location == Location("train.py", 2, "main")
    assert found.notes == (
        "from there on one run has 5 threads and the other 4",
        "aten::mm at train.py:6 in main splits its work by it",
    )


def test_undefined_memory_is_blamed_on_its_allocation(pair: tuple[Run, Run]) -> None:
    found = answer(pair, source(Origin.UNDEFINED, PRODUCT, allocation=EMPTY))
    assert (found.cause, found.op) == (Cause.UNINITIALIZED_MEMORY, "aten::empty.memory_format")
    assert found.location == Location("train.py", 3, "main")
    assert found.notes == ("read by aten::mm at train.py:6 in main",)


def test_a_draw_from_a_state_that_the_other_run_never_had_is_unseeded(
    pair: tuple[Run, Run],
) -> None:
    assert answer(pair, source(Origin.RANDOM, DRAW)).cause is Cause.UNSEEDED_RNG


def test_a_seed_that_differed_before_the_draw_is_to_blame(pair: tuple[Run, Run]) -> None:
    seeding = call("torch.manual_seed")
    found = answer(pair, source(Origin.RANDOM, DRAW), [seeding])
    assert (found.cause, found.call) == (Cause.UNSEEDED_RNG, seeding)


def test_a_seed_that_was_drawn_is_blamed_on_its_draw_before_anything_was_trained(
    tmp_path: Path,
) -> None:
    rows = [
        Row("random.randint", 4, 4, kind=EventKind.ENTROPY, line=2, shown="4321"),
        Row("torch.manual_seed", 4, kind=EventKind.ENTROPY, line=3, shown="(4321,)"),
        replace(ROWS[DRAW], phase=Phase.FORWARD),
    ]
    other = [
        replace(rows[0], outputs=5, inputs=5, shown="77"),
        replace(rows[1], outputs=5, shown="(77,)"),
        replace(rows[2], aux=6),
    ]
    runs = make_run(tmp_path, 2, rows), make_run(tmp_path, 3, other)
    calls = differing_calls(*runs, Interned())
    found = answer(runs, source(Origin.RANDOM, 2), calls)
    assert found.call is not None
    assert (found.cause, found.call.name) == (Cause.UNSEEDED_RNG, "random.randint")
    assert found.location == Location("train.py", 2, "main")
    assert found.moment == (Phase.INITIALISATION, 0)
    assert found.notes == (
        "random.randint drew from a generator whose state differed",
        "torch.manual_seed is given the seed at train.py:3 in main",
    )


def test_a_clock_whose_value_went_into_the_seed_of_a_stream_is_no_mere_suspect(
    tmp_path: Path,
) -> None:
    runs = []
    for number, seconds in enumerate((100, 102)):
        rows = [
            Row("time.time", seconds, kind=EventKind.ENTROPY, line=2, shown=f"{seconds}.5"),
            Row("random.seed", seconds, kind=EventKind.ENTROPY, line=3, shown=f"({seconds},)"),
            Row("random.shuffle", 1, seconds, kind=EventKind.ENTROPY, line=4),
            Row("aten::lift_fresh.default", seconds, flags=EventFlag.BIRTH, line=5),
        ]
        runs.append(make_run(tmp_path, 2 + number, rows))
    a, b = runs
    calls = differing_calls(a, b, Interned())
    (found,) = explain_sources([source(Origin.BIRTH, 3)], (a, b), calls)
    assert (found.finding.cause, found.finding.call) == (Cause.CLOCK, "time.time")
    assert found.finding.location == Location("train.py", 2, "main")
    assert found.has_exact_line
    assert drop_suspicion(found) == found.finding


def test_a_seed_that_comes_after_the_draw_is_named(tmp_path: Path) -> None:
    late = Row(f"{LATE_SEED_PREFIX}torch", kind=EventKind.RNG, line=9)
    a = make_run(tmp_path, 4, [*ROWS, late])
    b = make_run(tmp_path, 5, [*OTHER_STATE, late])
    found = answer((a, b), source(Origin.RANDOM, DRAW))
    assert found.cause is Cause.UNSEEDED_RNG
    assert found.notes == ("the stream is seeded only after this draw, at train.py:9 in main",)


def test_a_draw_from_a_generator_of_its_own_follows_the_seed_of_such_a_generator(
    tmp_path: Path,
) -> None:
    own = replace(ROWS[DRAW], flags=EventFlag.RANDOM | EventFlag.OWN_GENERATOR)
    other = replace(OTHER_STATE[DRAW], flags=own.flags)
    a = make_run(tmp_path, 2, [ROWS[EMPTY], own, ROWS[PRODUCT]])
    b = make_run(tmp_path, 3, [ROWS[EMPTY], other, ROWS[PRODUCT]])
    seeding = call("torch.Generator.manual_seed")
    found = answer((a, b), source(Origin.RANDOM, DRAW), [seeding, call("torch.manual_seed")])
    assert found.call == seeding


def test_a_draw_that_only_one_run_makes_shifts_the_stream(pair: tuple[Run, Run]) -> None:
    assert answer(pair, source(Origin.STRUCTURE, DRAW)).cause is Cause.RNG_ORDER
    assert answer(pair, source(Origin.STRUCTURE, PRODUCT)).cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("name", "process", "cause"),
    [
        ("os.listdir", MAIN_PROCESS, Cause.FILESYSTEM_ORDER),
        ("pathlib.Path.exists", MAIN_PROCESS, Cause.CARRIED_STATE),
        ("time.time", MAIN_PROCESS, Cause.CLOCK),
        ("queue.Queue.get", MAIN_PROCESS, Cause.DATA_ORDER),
        ("random.random", MAIN_PROCESS, Cause.UNSEEDED_RNG),
        ("random.random", "child-1", Cause.WORKER_SEED),
    ],
)
def test_content_from_outside_has_the_cause_of_the_call_that_differed(
    pair: tuple[Run, Run], name: str, process: str, cause: Cause
) -> None:
    a, b = pair
    with_worker = replace(a, traces=(*a.traces, ("child-1", a.main)))
    born = source(Origin.BIRTH, PRODUCT)
    found = answer((with_worker, b), born, [call(name, process=process)])
    assert (found.cause, found.op) == (cause, None)


def test_only_an_op_that_joins_what_arrived_is_named_beside_the_call(
    pair: tuple[Run, Run],
) -> None:
    arrived = source(Origin.INPUT, PRODUCT)
    assert answer(pair, arrived, [call("queue.Queue.get")]).op == "aten::mm"
    assert answer(pair, arrived, [call("os.listdir")]).op is None


def test_where_a_thread_writes_what_the_main_one_reads_the_write_is_named(tmp_path: Path) -> None:
    write = Row("aten::mul_.Tensor", 7, 1, thread=1, line=3)
    read = Row("aten::addmm", 8, 1, flags=EventFlag.OUTSIDE_WRITE, line=6)
    other = replace(read, inputs=2)
    runs = make_run(tmp_path, 0, [write, read]), make_run(tmp_path, 1, [write, other])
    (found,) = localise(*runs, Interned()).sources
    assert (found.origin, found.event_a, found.written_by) == (Origin.INPUT, 1, write.name)
    said = answer(runs, found)
    assert (said.cause, said.op) == (Cause.THREAD_RACE, write.name)
    assert said.location == Location("train.py", 3, "main")
    assert said.notes == ("another thread reads it: aten::addmm at train.py:6 in main",)


def test_of_a_thread_and_the_main_one_that_share_a_stream_the_threads_draw_is_named(
    tmp_path: Path,
) -> None:
    weights = Row("aten::uniform_", 7, flags=EventFlag.RANDOM, aux=5, line=2)
    drawn = Row("aten::randn", 3, flags=EventFlag.RANDOM, aux=8, thread=1, line=4)
    dropout = Row("aten::bernoulli_.float", 9, flags=EventFlag.RANDOM, aux=6, line=6)
    runs = (
        make_run(tmp_path, 0, [weights, drawn, dropout]),
        make_run(tmp_path, 1, [weights, replace(drawn, aux=6), replace(dropout, aux=7)]),
    )
    found = answer(runs, source(Origin.RANDOM, 2))
    assert (found.cause, found.op) == (Cause.RNG_ORDER, "aten::randn")
    assert found.location == Location("train.py", 4, "main")


def test_calls_of_threads_that_share_a_seeded_stream_come_in_another_order(tmp_path: Path) -> None:
    calls = [
        Row("random.random", 4, 1, kind=EventKind.ENTROPY, thread=1, line=3),
        Row("random.uniform", 5, 2, kind=EventKind.ENTROPY, thread=1, line=4),
        Row("aten::lift_fresh", 6, flags=EventFlag.BIRTH, line=7),
    ]
    other = [calls[0], replace(calls[1], inputs=3, outputs=8), replace(calls[2], outputs=9)]
    never_alike = [replace(calls[0], inputs=7, outputs=7), *other[1:]]
    runs = [make_run(tmp_path, n, rows) for n, rows in enumerate((calls, other, never_alike))]
    for run, cause, line in (
        (runs[1], Cause.RNG_ORDER, 3),
        (runs[2], Cause.UNSEEDED_RNG, 4),
    ):
        pair = (runs[0], run)
        found = answer(pair, source(Origin.BIRTH, 2), differing_calls(*pair, Interned()))
        assert (found.cause, found.location) == (cause, Location("train.py", line, "main"))


def test_a_lock_that_a_worker_takes_is_the_line_to_blame_and_no_op_of_another_process(
    pair: tuple[Run, Run],
) -> None:
    a, b = pair
    runs = replace(a, traces=(*a.traces, ("child-1", a.main))), b
    taken = call("multiprocessing.Lock", process="child-1")
    found = answer(runs, source(Origin.INPUT, PRODUCT), [taken])
    assert (found.cause, found.op) == (Cause.DATA_ORDER, None)
    assert "shared by processes" in found.notes[0]
    (first, *_) = explain_sources([source(Origin.INPUT, PRODUCT)], runs, [taken])
    assert first.finding.phase is Phase.DATA
    assert not first.finding.module
