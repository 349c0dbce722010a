"""Which calls of two runs differ, and which of them is the likeliest to have brought a difference
in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import (
    EntropyCall,
    Strength,
    best_candidate,
    differing_calls,
    has_random_hashes,
    strength_of,
)
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

Differ = Callable[[Sequence[Row], Sequence[Row]], list[EntropyCall]]


def call(name: str, result: int, *, state: int = 0, line: int = 1) -> Row:
    return Row(name, result, state, kind=EventKind.ENTROPY, line=line)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Sequence[Row]], Run]:
    count = itertools.count()
    return lambda rows: make_run(tmp_path, next(count), rows)


@pytest.fixture
def differ(make: Callable[[Sequence[Row]], Run]) -> Differ:
    return lambda a, b: differing_calls(make(a), make(b), Interned())


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("time.time", Strength.CLOCK),
        ("datetime.datetime.now", Strength.CLOCK),
        ("os.getppid", Strength.CLOCK),
        ("os.stat", Strength.CLOCK),
        ("tempfile.mkdtemp", Strength.CLOCK),
        ("socket.gethostname", Strength.CLOCK),
        ("multiprocessing.Queue.get", Strength.ARRIVAL),
        ("torch.utils.data.DataLoader(in_order=False)", Strength.ARRIVAL),
        ("sqlite3.random()", Strength.ARRIVAL),
        ("sqlite3.fetchall", Strength.SPECIFIC),
        ("subprocess.run", Strength.SPECIFIC),
        ("numpy.random.SeedSequence", Strength.SPECIFIC),
        ("torch.Generator.seed", Strength.SPECIFIC),
        ("os.urandom", Strength.SPECIFIC),
    ],
)
def test_what_differs_by_its_nature_is_weak_evidence(name: str, strength: Strength) -> None:
    assert strength_of(name) is strength


@pytest.mark.parametrize(
    "weak", ["time.time", "datetime.date.today", "tempfile.mkdtemp", "multiprocessing.Queue.get"]
)
def test_a_weak_call_never_outranks_a_specific_one(differ: Differ, weak: str) -> None:
    calls = differ(
        [call("uuid.uuid4", 1), call(weak, 2, line=2), call(weak, 3, line=3)],
        [call("uuid.uuid4", 4), call(weak, 5, line=2), call(weak, 6, line=3)],
    )
    best = best_candidate(calls, before=10)
    assert len(calls) == 3
    assert best is not None
    assert best.name == "uuid.uuid4"


def test_a_specific_call_after_the_difference_explains_nothing(differ: Differ) -> None:
    calls = differ(
        [call("time.time", 1), call("uuid.uuid4", 1)], [call("time.time", 2), call("uuid.uuid4", 2)]
    )
    best = best_candidate(calls, before=1)
    assert best is not None
    assert best.name == "time.time"


def test_equal_results_and_draws_from_equal_states_do_not_differ(differ: Differ) -> None:
    a = [call("subprocess.run", 1), call("random.random", 1, state=9)]
    b = [call("subprocess.run", 1), call("random.random", 2, state=9)]
    assert differ(a, b) == []


def test_the_order_of_arrival_is_a_candidate_though_nothing_is_known_to_differ(
    differ: Differ,
) -> None:
    arrivals = [call("asyncio.as_completed", 0), call("sqlite3.execute", 0)]
    assert [found.name for found in differ(arrivals, arrivals)] == ["asyncio.as_completed"]


def test_random_hashes_are_known_by_their_event_and_by_no_other_name(
    make: Callable[[Sequence[Row]], Run],
) -> None:
    assert has_random_hashes(make([call("PYTHONHASHSEED", 0)]))
    assert not has_random_hashes(make([Row("PYTHONHASHSEED"), call("time.time", 1)]))


def test_the_calls_of_a_ranks_own_processes_come_before_those_of_other_ranks(
    differ: Differ,
) -> None:
    (drawn,) = differ([call("os.urandom", 1)], [call("os.urandom", 2)])
    own = replace(drawn, process="rank-1", event=5)
    of_worker = replace(drawn, process="rank-1/child-1", event=50)
    other = replace(drawn, process="rank-2")
    calls = [own, of_worker, other]
    assert best_candidate(calls, 10, "rank-1") is of_worker  # the last of equals
    assert best_candidate(calls, 3, "rank-1") is of_worker
    assert best_candidate([own], 3, "rank-1") is None
    assert best_candidate(calls, 10, "rank-2") is other
    assert best_candidate([other], 10, "rank-1") is other
