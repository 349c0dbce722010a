"""Which saved and final tensors are what the program leaves."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.divergent_pairs import divergent_pairs
from reproaudit.comparison.interning import Interned
from reproaudit.config.tolerance import Ignored, TensorPattern
from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from tests.comparison.traces import Row, make_run

FINAL, SAVED, GRADIENT = EventKind.FINAL, EventKind.SAVED, EventKind.GRADIENT
STEP = Row("w", 7, kind=GRADIENT)
STOPPED = Outcome(OutcomeKind.STOPPED, 0)


def saved(digest: int, *, file: int = 1, save: int = 1, name: str = "a.pt", step: int = 0) -> Row:
    return Row(name, digest, kind=SAVED, inputs=file, inputs_high=save, step=step)


def classes(
    folder: Path, *programs: list[Row], outcome: Outcome | None = None
) -> tuple[tuple[int, ...], ...]:
    runs = [make_run(folder, index, rows, outcome) for index, rows in enumerate(programs)]
    return compare_boundaries(runs, Interned()).classes


def test_runs_that_compute_the_same_and_save_something_else_differ(tmp_path: Path) -> None:
    assert classes(tmp_path, [STEP, saved(1)], [STEP, saved(2)]) == ((0,), (1,))


def test_what_is_overwritten_later_decides_nothing(tmp_path: Path) -> None:
    one = [STEP, saved(1), saved(5, save=2)]
    other = [STEP, saved(2), saved(3, save=2), saved(5, save=3, step=4)]
    assert classes(tmp_path, one, other) == ((0, 1),)


def test_a_file_that_only_one_run_saves_is_a_difference(tmp_path: Path) -> None:
    second = saved(2, file=2, name="b.pt")
    assert classes(tmp_path, [STEP, saved(1)], [STEP, saved(1), second]) == ((0,), (1,))


def test_in_which_order_files_of_one_name_are_saved_does_not_matter(tmp_path: Path) -> None:
    there = [STEP, saved(1), saved(2, file=2)]
    back = [STEP, saved(2), saved(1, file=2)]
    other = [STEP, saved(1), saved(3, file=2)]
    assert classes(tmp_path, there, back, other) == ((0, 1), (2,))


def test_final_parameters_decide_whenever_the_object_died(tmp_path: Path) -> None:
    early, late = (Row("w", 1, kind=FINAL, step=step) for step in (2, 9))
    other = Row("w", 2, kind=FINAL, step=9)
    assert classes(tmp_path, [STEP, early], [STEP, late], [STEP, other]) == ((0, 1), (2,))


def test_a_program_that_was_stopped_has_left_nothing_yet(tmp_path: Path) -> None:
    rows = [[STEP, Row("w", digest, kind=FINAL)] for digest in (1, 2)]
    assert classes(tmp_path, *rows, outcome=STOPPED) == ((0, 1),)


def test_what_a_pattern_ignores_does_not_decide(tmp_path: Path) -> None:
    rows = [[STEP, saved(digest, name="times.npy")] for digest in (1, 2)]
    runs = [make_run(tmp_path, index, row) for index, row in enumerate(rows)]
    pattern = Ignored(TensorPattern("saved:times.*"), "it holds seconds")
    assert compare_boundaries(runs, Interned((pattern,))).classes == ((0, 1),)


def test_a_saved_tensor_that_differs_is_paired_with_that_of_the_other_run(tmp_path: Path) -> None:
    rows = [[STEP, saved(1, step=1)], [STEP, saved(2, step=3)]]
    runs = [make_run(tmp_path, index, row) for index, row in enumerate(rows)]
    first, second = compare_boundaries(runs, Interned()).tables
    (pair,) = divergent_pairs(first, second)
    assert (pair.event_a, pair.event_b) == (1, 1)
