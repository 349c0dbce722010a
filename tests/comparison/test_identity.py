"""Tensors that come in another order are the same ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import BoundaryComparison, compare_boundaries
from reproaudit.comparison.divergent_pairs import divergent_pairs
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind
from tests.comparison.traces import Row, make_run

STOPPED = Outcome(OutcomeKind.STOPPED, 0)
Steps = list[tuple[str, int]]  # the name of a parameter, and a number for its content


def rounds(*orders: Steps) -> list[Row]:
    """Return the rows of rounds in which one optimizer per parameter steps, in the given order."""
    rows = []
    step = 0
    for number, order in enumerate(orders):
        rows.append(Row("loss", 900 + number, kind=EventKind.OUTPUT, step=step))
        for name, content in order:
            rows.append(Row(name, content, kind=EventKind.GRADIENT, step=step))
            rows.append(Row(name, content + 500, kind=EventKind.PARAMETER, step=step))
            step += 1
    return rows


def classes(folder: Path, *programs: list[Row], outcome: Outcome | None = None) -> int:
    runs = [make_run(folder, index, rows, outcome) for index, rows in enumerate(programs)]
    return len(compare_boundaries(runs, Interned()).classes)


def test_optimizers_that_step_in_another_order_make_no_other_class_but_a_warning(
    tmp_path: Path,
) -> None:
    there = rounds([("w", 1), ("b", 2)], [("w", 3), ("b", 4)])
    back = rounds([("b", 2), ("w", 1)], [("w", 3), ("b", 4)])
    runs = [make_run(tmp_path, index, rows) for index, rows in enumerate((there, back))]
    comparison = compare_boundaries(runs, Interned())
    assert comparison.classes == ((0, 1),)
    (warning,) = comparison.warnings
    assert "without consequence" in warning.message
    assert "(first the gradient w of step 0, train.py:1 in main)" in warning.message
    assert str(warning.location) == "train.py:1 in main"
    assert not comparison.has_harmless_differences


def test_parameters_without_a_name_are_known_by_their_content(tmp_path: Path) -> None:
    names = ("group0[0]", "group0[1]")
    there, back, other = (
        rounds(list(zip(names, contents, strict=True))) for contents in ((1, 2), (2, 1), (2, 3))
    )
    assert classes(tmp_path / "order", there, back) == 1
    assert classes(tmp_path / "content", there, other) == 2


def test_contents_that_change_places_between_names_are_a_difference(tmp_path: Path) -> None:
    there = rounds([("cat.weight", 1), ("dog.weight", 2)])
    back = rounds([("cat.weight", 2), ("dog.weight", 1)])
    assert classes(tmp_path, there, back) == 2


def test_modules_of_one_class_are_not_told_apart_by_which_is_called_first(tmp_path: Path) -> None:
    def ensemble(first: int, second: int) -> list[Row]:
        members = (("Linear", "weight", first), ("Linear#2", "Linear#2.weight", second))
        rows = []
        for step, (label, weight, content) in enumerate(members):
            rows += [
                Row(f"{label}.output", content, kind=EventKind.OUTPUT),
                Row(weight, content, kind=EventKind.PARAMETER, step=step),
                Row(weight, content, kind=EventKind.FINAL),
            ]
        return rows

    assert classes(tmp_path / "order", ensemble(1, 2), ensemble(2, 1)) == 1
    assert classes(tmp_path / "content", ensemble(1, 2), ensemble(2, 3)) == 2


def test_outputs_of_one_module_that_come_in_another_order_are_a_difference(tmp_path: Path) -> None:
    there, back = (
        [
            Row("w", 7, kind=EventKind.PARAMETER),
            *(Row("Net.output", content, kind=EventKind.OUTPUT) for content in order),
        ]
        for order in ((1, 2), (2, 1))
    )
    assert classes(tmp_path, there, back) == 2


def test_which_optimizers_stepped_before_a_program_was_stopped_is_chance(tmp_path: Path) -> None:
    whole = [("w", 1), ("b", 2)]
    there = rounds(whole, [("w", 3)])
    back = rounds(whole, [("b", 4)])
    assert classes(tmp_path / "stopped", there, back, outcome=STOPPED) == 1
    assert classes(tmp_path / "ended", there, back) == 2
    first = rounds([("w", 1)]), rounds([("b", 2)])
    assert classes(tmp_path / "first", *first, outcome=STOPPED) == 2


def test_of_permuted_tensors_those_differ_that_have_another_content(tmp_path: Path) -> None:
    there = rounds([("w", 1), ("b", 2)], [("w", 3), ("b", 4)])
    back = rounds([("b", 2), ("w", 1)], [("b", 5), ("w", 3)])
    runs = [make_run(tmp_path, index, rows) for index, rows in enumerate((there, back))]
    pairs = divergent_pairs(*compare_boundaries(runs, Interned()).tables)
    found = []
    for pair in pairs:
        assert pair.event_a is not None
        assert pair.event_b is not None
        first, second = runs[0].main.tensor(pair.event_a), runs[1].main.tensor(pair.event_b)
        found.append((first.name, first.kind, first.step, second.step))
    assert found == [("b", EventKind.GRADIENT, 3, 2), ("b", EventKind.PARAMETER, 3, 2)]


def test_equal_replicas_in_threads_are_not_told_apart_by_which_is_called_first(
    tmp_path: Path,
) -> None:
    def replicas(first: int, second: int) -> list[Row]:
        outputs = (("Net.output", first), ("Net#2.output", second))
        rows = []
        for thread, (name, content) in enumerate(outputs, start=1):
            output = Row(name, content, kind=EventKind.OUTPUT, thread=thread)
            rows.append(replace(output, flags=EventFlag.INTERMEDIATE))
        return [*rows, Row("w", 9, kind=EventKind.GRADIENT)]

    def compare(folder: Path, *programs: list[Row]) -> BoundaryComparison:
        runs = [make_run(folder, index, rows) for index, rows in enumerate(programs)]
        return compare_boundaries(runs, Interned())

    order = compare(tmp_path / "order", replicas(1, 2), replicas(2, 1))
    assert len(order.classes) == 1
    assert not order.has_harmless_differences
    assert "as those of threads do" in order.warnings[0].message
    content = compare(tmp_path / "content", replicas(1, 2), replicas(1, 3))
    assert content.has_harmless_differences
