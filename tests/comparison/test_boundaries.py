"""Grouping runs by what they must agree on."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.divergent_pairs import divergent_pairs
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.config.tolerance import Ignored, TensorPattern
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    NotChecked,
    Outcome,
    OutcomeKind,
    Unchecked,
)
from reproaudit.model.verdict import Verdict
from tests.comparison.traces import Row, make_run

GRADIENT, BATCH, OUTPUT = EventKind.GRADIENT, EventKind.BATCH, EventKind.OUTPUT
STOPPED = Outcome(OutcomeKind.STOPPED, 0)


def classes(
    folder: Path, *programs: list[Row], outcome: Outcome | None = None
) -> tuple[tuple[int, ...], ...]:
    runs = [make_run(folder, index, rows, outcome) for index, rows in enumerate(programs)]
    return compare_boundaries(runs, Interned()).classes


def test_runs_with_equal_gradients_form_one_class(tmp_path: Path) -> None:
    equal, other = [Row("w", 7, kind=GRADIENT)], [Row("w", 8, kind=GRADIENT)]
    assert classes(tmp_path, equal, other, equal) == ((0, 2), (1,))


def test_a_batch_that_differs_decides_nothing(tmp_path: Path) -> None:
    rows = [[Row("x", digest, kind=BATCH), Row("w", 7, kind=GRADIENT)] for digest in (1, 2)]
    assert classes(tmp_path, *rows) == ((0, 1),)


def test_an_output_on_the_way_to_a_loss_decides_nothing_but_a_final_one_does(
    tmp_path: Path,
) -> None:
    def rows(digest: int, *, last: bool) -> list[Row]:
        output = Row("out", digest, kind=OUTPUT, flags=EventFlag.INTERMEDIATE)
        gradient = Row("w", 7, kind=GRADIENT)
        return [gradient, output] if last else [output, gradient]

    runs = [make_run(tmp_path / "way", index, rows(index, last=False)) for index in range(2)]
    comparison = compare_boundaries(runs, Interned())
    assert comparison.classes == ((0, 1),)
    assert comparison.has_harmless_differences
    assert classes(tmp_path / "end", rows(0, last=True), rows(1, last=True)) == ((0,), (1,))


def test_a_tensor_that_only_one_run_has_makes_another_class(tmp_path: Path) -> None:
    one, two = [Row("w", 7, kind=GRADIENT)], [Row("w", 7, kind=GRADIENT)] * 2
    assert classes(tmp_path, one, two) == ((0,), (1,))


def test_what_every_run_has_is_counted_where_one_is_longer(tmp_path: Path) -> None:
    row = Row("w", 7, kind=GRADIENT)
    runs = [make_run(tmp_path, index, [row] * length) for index, length in enumerate((5, 3, 4))]
    assert dict(compare_boundaries(runs, Interned()).counts)["gradient"] == 3


def test_string_ids_that_differ_between_traces_do_not_matter(tmp_path: Path) -> None:
    first = [Row("a", 1, kind=OUTPUT), Row("b", 2, kind=GRADIENT)]
    second = [Row("unrelated", 1, kind=EventKind.ENTROPY), *first]
    assert classes(tmp_path, first, second) == ((0, 1),)


def test_the_order_of_threads_is_chance_but_their_content_is_not(tmp_path: Path) -> None:
    there = [Row("out", digest, kind=OUTPUT, thread=thread) for digest, thread in ((1, 1), (2, 2))]
    back = [Row("out", digest, kind=OUTPUT, thread=thread) for digest, thread in ((2, 1), (1, 2))]
    other = [Row("out", digest, kind=OUTPUT, thread=thread) for digest, thread in ((1, 1), (3, 2))]
    assert classes(tmp_path, there, back, other) == ((0, 1), (2,))


def test_the_order_within_the_main_thread_is_not_chance(tmp_path: Path) -> None:
    there, back = (
        [Row("out", digest, kind=OUTPUT) for digest in order] for order in ((1, 2), (2, 1))
    )
    assert classes(tmp_path, there, back) == ((0,), (1,))


def test_how_far_other_threads_came_is_not_compared_when_the_audit_stopped_the_program(
    tmp_path: Path,
) -> None:
    main = [Row("w", 7, kind=GRADIENT)]
    ahead = [*main, Row("out", 1, kind=OUTPUT, thread=1)]
    assert classes(tmp_path, main, ahead, outcome=STOPPED) == ((0, 1),)


def test_divergent_pairs_are_in_the_order_of_the_program(tmp_path: Path) -> None:
    names = ("z", "a", "m")
    first = make_run(tmp_path, 0, [Row(name, 1, kind=GRADIENT) for name in names])
    second = make_run(tmp_path, 1, [Row(name, 2, kind=GRADIENT) for name in names])
    comparison = compare_boundaries([first, second], Interned())
    pairs = list(divergent_pairs(*comparison.tables))
    found = [first.main.tensor(pair.event_a).name for pair in pairs if pair.event_a is not None]
    assert found == list(names)


def test_nothing_recorded_compares_nothing(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, index, []) for index in range(2)]
    assert compare_boundaries(runs, Interned()).compared == 0


def ignoring(**reasons: str) -> Interned:
    return Interned(
        tuple(Ignored(TensorPattern(text.replace("__", ":")), why) for text, why in reasons.items())
    )


def test_an_ignored_tensor_makes_no_class_and_no_pair_and_is_told_with_its_reason_and_number(
    tmp_path: Path,
) -> None:
    rows = [
        [
            Row("a", content, kind=GRADIENT),
            Row("a", content, kind=GRADIENT, step=1),
            Row("w", 7, kind=GRADIENT),
        ]
        for content in (1, 2)
    ]
    runs = [make_run(tmp_path, index, row) for index, row in enumerate(rows)]
    assert compare_boundaries(runs, Interned()).classes == ((0,), (1,))
    comparison = compare_boundaries(runs, ignoring(gradient__a="drawn anew"))
    assert comparison.classes == ((0, 1),)
    assert comparison.compared == 1
    assert not comparison.has_harmless_differences
    assert list(divergent_pairs(*comparison.tables)) == []
    assert comparison.not_checked == (
        NotChecked(Unchecked.IGNORED, "gradient:a (2 tensors per run)", "ignored: drawn anew"),
    )
    assert comparison.warnings == ()


def test_a_pattern_that_matches_nothing_is_warned_of_and_changes_nothing(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, index, [Row("w", index, kind=GRADIENT)]) for index in range(2)]
    comparison = compare_boundaries(runs, ignoring(output__w="no output is called so"))
    assert comparison.classes == ((0,), (1,))
    assert comparison.not_checked == ()
    assert "'output:w'" in comparison.warnings[0].message


def test_runs_of_which_everything_is_ignored_are_not_reproducible_but_not_audited(
    tmp_path: Path,
) -> None:
    runs = [make_run(tmp_path, index, [Row("w", index, kind=GRADIENT)]) for index in range(2)]
    comparison = compare_boundaries(runs, ignoring(w="all of it"))
    assert (comparison.compared, comparison.ignored) == (0, 1)
    assert judge(runs, comparison, {}).verdict is Verdict.NOT_AUDITED
