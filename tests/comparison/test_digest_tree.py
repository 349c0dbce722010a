"""Two parties that hold a tree each find where they first differ by a few digests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reproaudit.comparison.digest_tree import (
    DIGEST_BYTES,
    NO_STEP,
    Difference,
    DigestTree,
    Part,
    Question,
    find_difference,
)
from reproaudit.errors import TraceError

Steps = list[tuple[int, list[int]]]  # of each step, or of NO_STEP, the contents of its tensors
NAME = "b.tree"
CONTENTS = st.lists(st.integers(0, 9), min_size=1, max_size=9)


@st.composite
def runs(draw: st.DrawFn, least: int = 0) -> Steps:
    numbers = sorted(draw(st.sets(st.integers(0, 40), min_size=least, max_size=12)))
    if draw(st.booleans()):
        numbers.append(NO_STEP)
    return [(number, draw(CONTENTS)) for number in numbers]


def make(steps: Sequence[tuple[int, list[int]]]) -> DigestTree:
    return DigestTree(
        Part.of(step, [(1 + content).to_bytes(DIGEST_BYTES, "little") for content in contents])
        for step, contents in steps
    )


def find(a: DigestTree, b: DigestTree) -> tuple[Difference | None, list[Question]]:
    """Return what is found by asking the holder of `b`, and what was asked."""
    asked: list[Question] = []

    def ask(question: Question) -> bytes:
        asked.append(question)
        return b.answer(question)

    return find_difference(a, b.summary, ask, b.heading), asked


def expect(a: Steps, b: Steps) -> Difference | None:
    """Return where the runs first differ, by looking at all of them."""
    for (step_a, contents_a), (step_b, contents_b) in zip(a, b, strict=False):
        if step_a != step_b:
            return Difference(_first(step_a, step_b), None)
        if contents_a != contents_b:
            pairs = zip(contents_a, contents_b, strict=False)
            equal = [one == other for one, other in pairs]
            return Difference(step_a, (*equal, False).index(False))
    longer = max(a, b, key=len)
    rest = longer[min(len(a), len(b)) :]
    return Difference(rest[0][0], None) if rest else None


def _first(a: int, b: int) -> int:
    return max(a, b) if NO_STEP in (a, b) else min(a, b)


@given(runs(), runs())
@example([], [])
@example([], [(0, [1])])
@example([(NO_STEP, [1])], [(3, [1]), (NO_STEP, [1])])
def test_the_first_difference_is_found_and_it_is_the_same_from_both_sides(
    a: Steps, b: Steps
) -> None:
    wanted = expect(a, b)
    assert find(make(a), make(b))[0] == wanted
    assert find(make(b), make(a))[0] == wanted
    assert (make(a).root == make(b).root) == (a == b)


@given(runs(least=1), st.data())
def test_one_tensor_that_differs_is_found_exactly(run: Steps, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, len(run) - 1))
    step, contents = run[part]
    leaf = data.draw(st.integers(0, len(contents) - 1))
    changed = [content + 10 if at == leaf else content for at, content in enumerate(contents)]
    other = [*run[:part], (step, changed), *run[part + 1 :]]
    found, asked = find(make(run), make(other))
    assert found == Difference(step, leaf)
    assert len(asked) == (len(run) - 1).bit_length() + (len(contents) - 1).bit_length()


@given(runs(least=1), st.data())
def test_a_tail_that_one_run_lacks_is_found_where_it_begins(
    run: Steps, data: st.DataObject
) -> None:
    part = data.draw(st.integers(0, len(run) - 1))
    step, contents = run[part]
    kept = data.draw(st.integers(0, len(contents) - 1))
    cut = [*run[:part], *([(step, contents[:kept])] if kept else [])]
    assert find(make(run), make(cut))[0] == Difference(step, kept or None)


def test_of_65_536_tensors_sixteen_digests_tell_the_first_that_differs() -> None:
    step = [7] * 64
    a = make([(number, step) for number in range(1024)])
    b = make([(number, [*step[:-1], 8] if number > 700 else step) for number in range(1024)])
    found, asked = find(a, b)
    assert found == Difference(701, 63)
    assert len(asked) == 16


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([(0, [1, 2])], [(0, [2, 1])]),
        ([(0, [1, 2])], [(0, [1]), (1, [2])]),
        ([(0, [1])], [(1, [1])]),
        ([(0, [1])], [(NO_STEP, [1])]),
        ([(0, [1])], [(0, [1, 1])]),
        ([], [(NO_STEP, [0])]),
    ],
)
def test_order_steps_and_numbers_of_tensors_show_in_the_root(one: Steps, other: Steps) -> None:
    assert make(one).root != make(other).root


@given(runs())
def test_a_tree_is_read_as_it_was_written(run: Steps) -> None:
    tree = make(run)
    data = tree.to_bytes()
    read = DigestTree.from_bytes(data, NAME)
    assert read.root == tree.root
    assert [part.heading for part in read.parts] == [part.heading for part in tree.parts]
    tensors = sum(len(contents) for _, contents in run)
    assert len(data) == 16 * tensors + 8 * len(run) + 20


@given(runs(), st.data())
def test_bytes_that_are_cut_or_go_on_are_refused(run: Steps, data: st.DataObject) -> None:
    whole = make(run).to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole + b"\0"):
        with pytest.raises(TraceError, match=r"cannot read 'b\.tree': "):
            DigestTree.from_bytes(broken, NAME)


@given(st.binary(max_size=200))
def test_bytes_of_a_stranger_are_a_tree_or_refused(noise: bytes) -> None:
    start = make([]).to_bytes()[:-4]
    for data in (noise, start + noise, start + struct.pack("<I", 2) + noise):
        try:
            tree = DigestTree.from_bytes(data, NAME)
        except TraceError:
            continue
        assert tree.to_bytes() == data


@pytest.mark.parametrize(
    "steps",
    [[(1, [1]), (0, [1])], [(1, [1]), (1, [1])], [(NO_STEP, [1]), (0, [1])], [(0, [])]],
)
def test_steps_without_order_or_tensors_are_refused(steps: Steps) -> None:
    with pytest.raises(TraceError, match="its steps are in no order, or one is empty"):
        DigestTree.from_bytes(make(steps).to_bytes(), NAME)


def test_a_digest_that_stands_for_nothing_is_refused() -> None:
    with pytest.raises(TraceError, match="a tensor has the digest of nothing"):
        DigestTree.from_bytes(make([(0, [5, -1])]).to_bytes(), NAME)


def test_bytes_of_another_version_are_refused() -> None:
    data = bytearray(make([]).to_bytes())
    data[15] += 1
    with pytest.raises(TraceError, match="another version of reproaudit made it"):
        DigestTree.from_bytes(bytes(data), NAME)
