"""What is recorded of calls that bring the outside world in, and that the program gets what it
would get anyway."""

from __future__ import annotations

import logging
import queue
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from time import time as early_time
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.interning import Interned
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import NOTHING, EntropyEvent
from tests.record.recording import record


def entropy(trace: Trace, name: str) -> list[EntropyEvent]:
    return [event for event in trace.entropy_calls() if event.call == name]


def digests(trace: Trace, name: str) -> list[int]:
    return [event.value[0] for event in entropy(trace, name)]


def shown(trace: Trace, name: str) -> list[str]:
    return [event.shown for event in entropy(trace, name)]


IMPORTS = (
    "import datetime, os, platform, random, socket, subprocess, sys, time, uuid, numpy as np, torch"
)
CALLS = [
    ("time.time", "time.time()"),
    ("time.localtime", "time.localtime()"),
    ("time.strftime", "time.strftime('%H')"),
    ("datetime.datetime.now", "datetime.datetime.now(datetime.timezone.utc)"),
    ("datetime.datetime.today", "datetime.datetime.today()"),
    ("datetime.date.today", "datetime.date.today()"),
    ("os.getppid", "os.getppid()"),
    ("os.times", "os.times()"),
    ("os.stat", "os.stat(os.__file__)"),
    ("platform.node", "platform.node()"),
    ("uuid.uuid4", "uuid.uuid4()"),
    ("torch.Generator.seed", "torch.Generator().seed()"),
    ("random.Random", "random.Random()"),
    ("numpy.random.SeedSequence", "np.random.default_rng()"),
    ("numpy.random.SeedSequence", "np.random.RandomState()"),
    ("numpy.random.SeedSequence", "np.random.SeedSequence()"),
    (
        "subprocess.check_output",
        "subprocess.check_output([sys.executable, '-S', '-c', 'print(1)'])",
    ),
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_a_call_is_recorded_with_its_line(tmp_path: Path, name: str, call: str) -> None:
    code = compile(f"{IMPORTS}\n\n{call}", str(Path(__file__).with_name("program.py")), "exec")
    trace, _ = record(tmp_path, lambda: exec(code, {}))
    (event,) = entropy(trace, name)
    place = event.location
    assert (place.path, place.line) == ("program.py", 3)
    assert event.value != NOTHING


def test_a_time_that_is_given_is_no_look_at_the_clock(tmp_path: Path) -> None:
    trace, _ = record(
        tmp_path, lambda: (time.localtime(5), time.strftime("%H", time.gmtime(0)), time.ctime(0))
    )
    assert [event for event in trace.entropy_calls() if event.call.startswith("time.")] == []


def test_clocks_that_libraries_read_are_left_out(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, lambda: logging.makeLogRecord({}))
    assert entropy(trace, "time.time") == []


@pytest.mark.leaves(
    "sys-path",
    reason="the library is imported from a folder of its own; monkeypatch takes it off later",
)
@pytest.mark.parametrize("where", ["import", "call"])
def test_what_a_library_makes_while_it_is_imported_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    source = "import random\nown = random.Random()\ndef call():\n    return random.Random()\n"
    (folder / "drawing.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "drawing", raising=False)

    def program() -> None:
        import drawing

        if where == "call":
            drawing.call()

    trace, _ = record(tmp_path, program)
    monkeypatch.delitem(sys.modules, "drawing")
    assert len(entropy(trace, "random.Random")) == (1 if where == "call" else 0)


def test_a_generator_s_seed_is_recorded_and_its_method_put_back(tmp_path: Path) -> None:
    before = vars(torch.Generator)["seed"]
    generator = torch.Generator()
    trace, seed = record(tmp_path, lambda: int(generator.seed()))
    assert seed == generator.initial_seed()
    assert shown(trace, "torch.Generator.seed") == [str(seed)]
    assert vars(torch.Generator)["seed"] is before


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("random.Random", lambda seed: [random.Random(seed)]),
        ("random.Random.seed", lambda seed: random.Random(1).seed(seed)),
    ],
)
def test_python_generators_are_alike_only_with_a_seed(
    tmp_path: Path, name: str, make: Callable[[Any], Any]
) -> None:
    runs = [record(tmp_path, lambda: (make(7), make(None)))[0] for _ in range(2)]
    seeded, unseeded = zip(*(digests(trace, name) for trace in runs), strict=True)
    assert seeded[0] == seeded[1]
    assert unseeded[0] != unseeded[1]


def test_numpy_generators_ask_for_entropy_only_without_a_seed(tmp_path: Path) -> None:
    trace, _ = record(
        tmp_path, lambda: (np.random.default_rng(3), np.random.PCG64(3), np.random.SeedSequence(3))
    )
    assert entropy(trace, "numpy.random.SeedSequence") == []
    assert shown(trace, "numpy.random.default_rng") == ["(3,)"]


@pytest.mark.seeded
def test_a_seed_that_replaces_entropy_explains_that_it_does_not_matter(tmp_path: Path) -> None:
    def program() -> None:
        np.random.RandomState(3)
        np.random.RandomState()
        np.random.seed(4)

    a, b = (Run(index, (("", record(tmp_path, program)[0]),)) for index in range(2))
    (found,) = (call for call in differing_calls(a, b, Interned()) if "numpy" in call.name)
    assert found.name == "numpy.random.SeedSequence"
    assert a.main.locations[found.location].line == program.__code__.co_firstlineno + 2
    assert shown(a.main, "numpy.random.RandomState") == ["(3,)", "(4,)"]


def test_a_numpy_generator_that_is_passed_through_is_not_told_by_its_address(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(3)
    trace, _ = record(tmp_path, lambda: np.random.default_rng(generator))
    assert digests(trace, "numpy.random.default_rng") == [0]


def test_rows_of_a_database_are_told_and_a_random_query_even_without_them(tmp_path: Path) -> None:
    def program() -> list[Any]:
        connection = sqlite3.connect(":memory:")
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("INSERT INTO t VALUES (5)")
            return [
                tuple(row)
                for row in connection.execute("SELECT a FROM t ORDER BY RANDOM()").fetchall()
            ]
        finally:
            connection.close()

    trace, found = record(tmp_path, program)
    assert found == [(5,)]
    assert shown(trace, "sqlite3.fetchall") == ["[(5,)]"]
    assert len(entropy(trace, "sqlite3.random()")) == 1
    assert len(entropy(trace, "sqlite3.execute")) == 2


def test_loaders_out_of_order_are_told_where_they_are_made(tmp_path: Path) -> None:
    def program() -> None:
        DataLoader([1], num_workers=2)
        DataLoader([1], in_order=False)  # without workers there is nothing to arrive
        DataLoader([1], num_workers=2, in_order=False)

    trace, _ = record(tmp_path, program)
    (event,) = entropy(trace, "torch.utils.data.DataLoader(in_order=False)")
    assert event.location.line == program.__code__.co_firstlineno + 3


def test_queues_written_in_c_are_told_too(tmp_path: Path) -> None:
    def program() -> object:
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        waiting.put(1)
        return waiting.get()

    trace, found = record(tmp_path, program)
    assert found == 1
    assert len(entropy(trace, "queue.SimpleQueue.get")) == 1


def test_temporary_names_are_told(tmp_path: Path) -> None:
    def program() -> str:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            return folder

    trace, folder = record(tmp_path, program)
    assert shown(trace, "tempfile.TemporaryDirectory") == [repr(folder)[:60]]
    assert entropy(trace, "tempfile.mkdtemp") == []


@pytest.mark.parametrize(("value", "expected"), [(None, 1), ("random", 1), ("0", 0), ("12", 0)])
def test_random_string_hashes_are_told_unless_the_environment_fixes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, expected: int
) -> None:
    if value is None:
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    else:
        monkeypatch.setenv("PYTHONHASHSEED", value)
    trace, _ = record(tmp_path, lambda: None)
    assert len(entropy(trace, "PYTHONHASHSEED")) == expected * sys.flags.hash_randomization


def test_names_imported_before_are_wrapped_meanwhile_only(tmp_path: Path) -> None:
    before = early_time
    _, during = record(tmp_path, lambda: early_time)
    assert during is not before
    assert early_time is before is time.time
