"""The tree of a run says equal where the comparison does, and what its leaves are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reproaudit.comparison.class_tables import Tables, sketch
from reproaudit.comparison.digest_tree import NO_STEP, Difference, DigestTree, find_difference
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.run_tree import list_leaves, make_tree, tree_of
from reproaudit.model.events import EventFlag, EventKind
from tests.comparison.traces import Row, make_run, make_run_of_ranks

BATCH, OUTPUT, GRADIENT = EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT
ROWS = st.builds(
    Row,
    name=st.sampled_from(["a", "b"]),
    outputs=st.integers(1, 2),
    kind=st.sampled_from([BATCH, OUTPUT, GRADIENT, EventKind.PARAMETER, EventKind.FINAL]),
    flags=st.sampled_from([EventFlag(0), EventFlag.INTERMEDIATE]),
    step=st.integers(0, 1),
    thread=st.sampled_from([0, 0, 1]),
)


def find(a: DigestTree, b: DigestTree) -> Difference | None:
    return find_difference(a, b.summary, b.answer, b.heading)


@settings(max_examples=30)
@given(st.lists(ROWS, max_size=6), st.permutations(range(6)), ROWS)
def test_roots_are_equal_where_the_comparison_puts_runs_into_one_class(
    rows: list[Row], order: list[int], further: Row
) -> None:
    shuffled = [rows[at] for at in order if at < len(rows)]
    programs = [rows, shuffled, [*rows, further], [further, *rows[1:]], rows[:-1]]
    with tempfile.TemporaryDirectory() as folder:
        runs = [make_run(Path(folder), index, program) for index, program in enumerate(programs)]
        deciding = [sketch(table).deciding for table in Tables(runs, Interned())]
        roots = [make_tree(list_leaves(run)).root for run in runs]
    for a, b in zip(deciding, roots, strict=True):
        equal = [one == a for one in deciding]
        assert [one == b for one in roots] == equal


def rows_of(*contents: int) -> list[Row]:
    """A step for each content: a batch, and a gradient and a parameter that follow from it."""
    rows = []
    for step, content in enumerate(contents):
        rows += [
            Row("x", content, kind=BATCH, step=step),
            Row("w", content, kind=GRADIENT, step=step),
            Row("w", content + 1, kind=EventKind.PARAMETER, step=step),
        ]
    return rows


def test_the_step_and_the_tensor_that_first_differ_are_named(tmp_path: Path) -> None:
    a = make_run(tmp_path, 0, rows_of(3, 4, 5, 6))
    b = make_run(tmp_path, 1, rows_of(3, 4, 7, 8))
    assert find(*(make_tree(list_leaves(run)) for run in (a, b))) == Difference(2, 0)
    leaves = [leaf for leaf in list_leaves(a) if leaf.step == 2]
    assert [(leaf.kind, leaf.name) for leaf in leaves] == [
        (GRADIENT, "w"),
        (EventKind.PARAMETER, "w"),
    ]


def test_a_trace_without_its_tail_differs_where_it_ends(tmp_path: Path) -> None:
    whole = make_run(tmp_path, 0, rows_of(3, 4, 5)).main.directory
    cut = make_run(tmp_path, 1, rows_of(3, 4)).main.directory
    assert find(tree_of(whole), tree_of(cut)) == Difference(2, None)


def test_what_is_left_at_the_end_comes_after_all_steps(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, index, [Row("w", index + 1, kind=EventKind.FINAL), *rows_of(3)])
        for index in range(2)
    ]
    assert [leaf.step for leaf in list_leaves(runs[0])] == [0, 0, NO_STEP]
    assert find(*(make_tree(list_leaves(run)) for run in runs)) == Difference(NO_STEP, 0)


def test_names_count_and_not_the_numbers_that_a_trace_gives_them(tmp_path: Path) -> None:
    first = make_run(tmp_path, 0, [Row("a", 1, kind=GRADIENT), Row("b", 2, kind=GRADIENT)])
    second = make_run(tmp_path, 1, [Row("b", 2, kind=GRADIENT), Row("a", 1, kind=GRADIENT)])
    other = make_run(tmp_path, 2, [Row("c", 1, kind=GRADIENT), Row("b", 2, kind=GRADIENT)])
    roots = [make_tree(list_leaves(run)).root for run in (first, second, other)]
    assert roots[0] == roots[1] != roots[2]


def test_the_same_tensor_of_another_rank_is_another(tmp_path: Path) -> None:
    row, op = Row("w", 7, kind=GRADIENT), Row("aten::mm", 1)
    one = make_run_of_ranks(tmp_path / "a", 0, [[op, row], [op]])
    other = make_run_of_ranks(tmp_path / "b", 0, [[op], [op, row]])
    roots = [make_tree(list_leaves(run)).root for run in (one, other)]
    assert roots[0] != roots[1]


def test_a_run_without_steps_has_a_tree(tmp_path: Path) -> None:
    tree = tree_of(make_run(tmp_path, 0, [Row("aten::mm", 1)]).main.directory)
    assert tree.parts == ()
    assert DigestTree.from_bytes(tree.to_bytes(), "").root == tree.root
