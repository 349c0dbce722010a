"""A run that goes on from a checkpoint is compared with the steps that it repeats."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.comparison.resumed import Beginnings
from reproaudit.model.events import EventKind, Phase
from tests.comparison.traces import Row, make_run

UPDATE = "aten::add_"


def train(*steps: tuple[int, int], start: int = 0) -> list[Row]:
    """Return steps with these contents of the batch and of the weights that are left."""
    rows = [Row("aten::randn", 77 + start, phase=Phase.INITIALISATION)]
    for step, (batch, weights) in enumerate(steps):
        rows += [
            Row("net.input", batch, kind=EventKind.BATCH, step=step),
            Row("aten::mm", batch + 1, batch, step=step),
            Row("w", batch + 2, kind=EventKind.GRADIENT, step=step),
            Row(UPDATE, weights, batch + 2, step=step, phase=Phase.OPTIMIZER, line=9),
            Row("w", weights, kind=EventKind.PARAMETER, step=step),
        ]
    return rows


STRAIGHT = train((10, 11), (20, 21), (30, 31), (40, 41))


def test_a_run_that_goes_on_alike_is_equal_from_there_on(tmp_path: Path) -> None:
    interned = Interned()
    a = make_run(tmp_path, 0, STRAIGHT)
    b = make_run(tmp_path, 1, train((30, 31), (40, 41), start=1))
    assert Beginnings(interned).align(a, b) == 2
    assert compare_boundaries([a, b], interned).classes == ((0, 1),)
    assert localise(a, b, interned).is_equal


def test_where_a_resumed_run_goes_another_way_is_found_in_its_own_step(tmp_path: Path) -> None:
    interned = Interned()
    a = make_run(tmp_path, 0, STRAIGHT)
    b = make_run(tmp_path, 1, train((30, 31), (40, 99), start=1))
    assert Beginnings(interned).align(a, b) == 2
    assert compare_boundaries([a, b], interned).classes == ((0,), (1,))
    (source,) = localise(a, b, interned).sources
    assert source.event_a is not None
    op = a.main.op(source.event_a)
    assert (op.name, op.step) == (UPDATE, 3)


def test_a_run_that_begins_alike_or_nowhere_the_same_is_not_resumed(tmp_path: Path) -> None:
    a = make_run(tmp_path, 0, STRAIGHT)
    others = (train((10, 11), (20, 99)), train((50, 51)), train((10, 98), (30, 31)))
    for index, rows in enumerate(others, 1):
        assert Beginnings(Interned()).align(a, make_run(tmp_path, index, rows)) is None


def test_batches_tell_the_step_where_the_stream_was_not_restored(tmp_path: Path) -> None:
    a = make_run(tmp_path, 0, STRAIGHT)
    rows = train((30, 95), start=1)
    for number in (2, 3, 5):
        rows[number] = Row(**{**vars(rows[number]), "outputs": 90 + number})
    assert Beginnings(Interned()).align(a, make_run(tmp_path, 1, rows)) == 2
