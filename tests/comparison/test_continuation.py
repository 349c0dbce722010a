"""Where a run that goes on begins in another one, and from which event on they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.continuation import (
    Beginning,
    Sign,
    compare_from,
    find_beginning,
    find_late_load,
    list_saving_steps,
)
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.model.events import EventKind, Phase
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

SAVED_AT = 2


def train(weights: Sequence[int], *, batches: Sequence[int], saves: bool = True) -> list[Row]:
    """Return steps that leave these weights, with an evaluation and a save before SAVED_AT."""
    rows: list[Row] = []
    for step, (batch, left) in enumerate(zip(batches, weights, strict=True)):
        if saves and step == SAVED_AT:
            rows += [
                Row("net.output", 500, kind=EventKind.OUTPUT, step=step),
                Row("last.pt: w", weights[step - 1], kind=EventKind.SAVED, step=step),
            ]
        rows += [
            Row("aten::index", batch, 7, step=step, phase=Phase.DATA, line=4),
            Row("net.input", batch, kind=EventKind.BATCH, step=step),
            Row("aten::mm", batch + left, batch, step=step, line=5),
            Row("net.output", batch + left, kind=EventKind.OUTPUT, step=step),
            Row("w", batch + left + 1, kind=EventKind.GRADIENT, step=step),
            Row("aten::add_", left, batch + left + 1, step=step, phase=Phase.OPTIMIZER, line=9),
            Row("w", left, kind=EventKind.PARAMETER, step=step),
        ]
    return rows


def make_runs(folder: Path, resumed: list[Row], through: list[Row] | None = None) -> list[Run]:
    if through is None:
        through = train((11, 21, 31, 41), batches=(100, 200, 300, 400))
    # It saves as it is stopped, and another step does not begin.
    stopped = [row for row in through if row.step < SAVED_AT or row.kind is EventKind.SAVED]
    return [make_run(folder, index, rows) for index, rows in enumerate((through, stopped, resumed))]


def find(runs: Sequence[Run]) -> Beginning | None:
    return find_beginning(*runs, Interned())


def test_the_contents_of_a_step_tell_where_a_run_goes_on(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, train((31, 41), batches=(300, 400), saves=False))
    assert list_saving_steps(runs[1]) == (SAVED_AT,)
    assert find(runs) == Beginning(SAVED_AT, Sign.CONTENTS)


@pytest.mark.parametrize(
    ("loads", "late"),
    [
        ([("last.pt", 1)], 1),
        ([("other.pt", 0), ("last.pt", 2)], 2),
        ([("last.pt", 0), ("last.pt", 3)], None),
        ([("other.pt", 1)], None),
        ([], None),
    ],
    ids=["late", "after another file", "again", "another file alone", "never"],
)
def test_a_checkpoint_that_is_loaded_after_the_first_step_is_seen(
    monkeypatch: pytest.MonkeyPatch, loads: list[tuple[str, int]], late: int | None
) -> None:
    monkeypatch.setattr("reproaudit.comparison.continuation.Timeline", lambda trace: trace)
    stopped: Any = SimpleNamespace(main=SimpleNamespace(saves=[SimpleNamespace(name="last.pt")]))
    read = [SimpleNamespace(name=name, step=step) for name, step in loads]
    resumed: Any = SimpleNamespace(main=SimpleNamespace(loads=read))
    assert find_late_load(stopped, resumed) == late


def test_where_a_run_computes_nothing_of_the_other_it_goes_on_where_that_saved(
    tmp_path: Path,
) -> None:
    runs = make_runs(tmp_path, train((35, 45), batches=(305, 405), saves=False))
    assert find(runs) == Beginning(SAVED_AT, Sign.SAVED)


def test_a_run_that_begins_anew_is_known_by_what_it_computes(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, train((11, 21), batches=(100, 200), saves=False))
    assert find(runs) == Beginning(0, Sign.CONTENTS)


def test_of_steps_that_are_all_alike_the_one_where_it_saved_is_meant(tmp_path: Path) -> None:
    through = train((11,) * 4, batches=(100,) * 4)
    runs = make_runs(tmp_path, train((11, 11), batches=(100, 100), saves=False), through)
    assert find(runs) == Beginning(SAVED_AT, Sign.CONTENTS)


@pytest.mark.parametrize("before", [0, 2])
def test_what_one_run_alone_does_between_two_steps_is_left_out(tmp_path: Path, before: int) -> None:
    loading = [Row("aten::copy_", 60 + number, 50 + number) for number in range(before)]
    rows = [*loading, *train((31, 41), batches=(300, 400), saves=False)]
    through, _, resumed = make_runs(tmp_path, rows)
    interned = Interned()
    compare_from(through, resumed, SAVED_AT, interned)
    assert compare_boundaries([through, resumed], interned).classes == ((0, 2),)
    assert localise(through, resumed, interned).is_equal


def test_a_difference_is_found_at_the_operator_before_the_first_tensor(tmp_path: Path) -> None:
    through, _, resumed = make_runs(tmp_path, train((35, 45), batches=(305, 405), saves=False))
    interned = Interned()
    compare_from(through, resumed, SAVED_AT, interned)
    source = localise(through, resumed, interned).sources[0]
    assert source.event_a is not None
    op = through.main.op(source.event_a)
    assert (op.name, op.step) == ("aten::index", SAVED_AT)
