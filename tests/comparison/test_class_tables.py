"""Of many runs' tables few are in memory, and a sketch of each says which are equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reproaudit.comparison import class_tables
from reproaudit.comparison.class_tables import Tables, sketch
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

BATCH, GRADIENT = EventKind.BATCH, EventKind.GRADIENT


def make_runs(folder: Path, *contents: int) -> list[Run]:
    return [
        make_run(folder, index, [Row("w", content, kind=GRADIENT), Row("x", index, kind=BATCH)])
        for index, content in enumerate(contents)
    ]


def test_a_table_is_made_once_while_it_is_held_and_again_after_it_was_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_tables, "_MOST_HELD", 2)
    tables = Tables(make_runs(tmp_path, 7, 8, 9), Interned())
    first = tables[0]
    assert tables[0] is first
    assert len(list(tables)) == 3
    again = tables[0]
    assert again is not first
    assert np.array_equal(again.keys, first.keys)
    assert np.array_equal(again.digests, first.digests)


def test_tables_without_threads_and_with_identities_are_made_so_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_tables, "_MOST_HELD", 1)
    rows = [Row("w", 7, kind=GRADIENT), Row("w", 8, kind=GRADIENT, thread=1)]
    runs = [make_run(tmp_path, index, rows) for index in range(2)]
    tables = Tables(runs, Interned()).without_threads().identified()
    for _ in range(2):
        for table in tables:
            assert len(table.keys) == 1
            assert table.identities is not None


def test_sketches_of_runs_tell_equal_runs_from_others(tmp_path: Path) -> None:
    first, equal, other = map(sketch, Tables(make_runs(tmp_path, 7, 7, 8), Interned()))
    assert first.deciding == equal.deciding
    assert first.deciding != other.deciding
    assert first.contents != equal.contents  # their batches differ, and decide nothing


def test_a_sketch_counts_what_its_table_holds(tmp_path: Path) -> None:
    (found,) = map(sketch, Tables(make_runs(tmp_path, 7), Interned()))
    assert (found.decided, sum(found.kinds), found.threaded, found.undigested) == (1, 2, 0, 0)
