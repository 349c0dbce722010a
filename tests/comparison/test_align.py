from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reproaudit.comparison import align as module
from reproaudit.comparison.align import Alignment, align

Keys = npt.NDArray[np.uint64]
SHORT = st.lists(st.integers(0, 4), max_size=60)


def keys(*values: int) -> Keys:
    return np.array(values, dtype=np.uint64)


def longest_common_subsequence(a: list[int], b: list[int]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        above_left = 0
        for j, y in enumerate(b, 1):
            above_left, row[j] = row[j], above_left + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def assert_well_formed(a: Keys, b: Keys, found: Alignment) -> None:
    assert (a[found.pairs_a] == b[found.pairs_b]).all()
    for size, pairs, only in (
        (len(a), found.pairs_a, found.only_a),
        (len(b), found.pairs_b, found.only_b),
    ):
        assert (np.diff(pairs) > 0).all()
        assert (np.diff(only) > 0).all()
        assert sorted([*pairs, *only]) == list(range(size))


def edited(stream: Keys, edits: int, seed: int, alphabet: int) -> Keys:
    """Insert or delete `edits` keys at random places; inserted keys are ones that occur anyway."""
    random = np.random.default_rng(seed)
    deletions = int(random.integers(0, edits + 1))
    kept = np.delete(stream, random.choice(len(stream), min(deletions, len(stream)), replace=False))
    places = np.sort(random.integers(0, len(kept) + 1, edits - deletions))
    return np.insert(kept, places, random.integers(0, alphabet, len(places)).astype(np.uint64))


def walk_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave exact alignment to gaps only, as in streams too far apart for it."""
    monkeypatch.setattr(module, "EXACT_EDITS", 2)


@given(SHORT, SHORT)
@example([0, 0, 1], [0, 1, 1])
@example([1], [0, 1, 0, 1])
@example([0] * 60, [0] * 7)
def test_short_streams_get_a_longest_common_subsequence(a: list[int], b: list[int]) -> None:
    found = align(keys(*a), keys(*b))
    assert_well_formed(keys(*a), keys(*b), found)
    assert len(found.pairs_a) == longest_common_subsequence(a, b)


@given(SHORT, SHORT)
def test_swapping_the_streams_swaps_the_alignment(a: list[int], b: list[int]) -> None:
    there, back = align(keys(*a), keys(*b)), align(keys(*b), keys(*a))
    assert there.pairs_a.tolist() == back.pairs_b.tolist()
    assert there.pairs_b.tolist() == back.pairs_a.tolist()
    assert there.only_a.tolist() == back.only_b.tolist()


@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 1 << 20))
@settings(deadline=None, max_examples=60)
@example(1, 40, 0)
@example(2, 40, 1)
def test_edits_in_a_repetitive_stream_leave_no_more_events_alone_than_were_edited(
    period: int, edits: int, seed: int
) -> None:
    a = np.tile(np.arange(period, dtype=np.uint64), 600 // period)
    b = edited(a, edits, seed, period)
    found = align(a, b)
    assert_well_formed(a, b, found)
    assert len(found.only_a) + len(found.only_b) <= edits


@pytest.mark.parametrize("period", [2, 10, 97])
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_stays_local_too(monkeypatch: pytest.MonkeyPatch, period: int, seed: int) -> None:
    walk_only(monkeypatch)
    a = np.tile(
        np.random.default_rng(seed).integers(0, 50, period).astype(np.uint64), 20_000 // period
    )
    edits = 100
    b = edited(a, edits, seed, 50)
    found = align(a, b)
    assert_well_formed(a, b, found)
    assert len(found.only_a) + len(found.only_b) <= 2 * edits


@given(SHORT, SHORT, st.integers(0, 40))
@settings(deadline=None)
def test_a_walk_makes_a_well_formed_alignment_of_any_streams(
    a: list[int], b: list[int], common: int
) -> None:
    shared = [7, 8, 9, 7, 7, 8] * common
    first, second = keys(*a, *shared, *b), keys(*b, *shared, *a)
    with pytest.MonkeyPatch.context() as monkeypatch:
        walk_only(monkeypatch)
        found, back = align(first, second), align(second, first)
    assert_well_formed(first, second, found)
    assert found.pairs_a.tolist() == back.pairs_b.tolist()


def test_a_validation_loop_that_only_one_run_makes_is_the_only_thing_left_alone() -> None:
    step, validation = np.arange(300, dtype=np.uint64), np.arange(1000, 4000, dtype=np.uint64)
    a = np.tile(step, 200)
    b = np.concatenate(
        [np.concatenate([step, validation]) if i in (20, 90, 91) else step for i in range(200)]
    )
    found = align(a, b)
    assert found.only_a.size == 0
    assert (b[found.only_b] >= 1000).all()


def test_two_stretches_that_changed_places_are_found_again_around_them() -> None:
    parts = [np.arange(2000 * i, 2000 * (i + 1), dtype=np.uint64) for i in range(6)]
    a, b = np.concatenate(parts), np.concatenate([parts[i] for i in (0, 2, 1, 3, 4, 5)])
    assert len(align(a, b).only_a) == 2000


def test_a_stream_against_nothing_is_all_alone() -> None:
    found = align(keys(), keys(3, 4))
    assert (found.pairs_a.size, found.only_a.size, found.only_b.tolist()) == (0, 0, [0, 1])
    assert align(keys(), keys()).pairs_a.size == 0


def test_equal_keys_throughout_pair_up_to_the_shorter_length() -> None:
    found = align(np.zeros(5000, dtype=np.int64), np.zeros(3000, dtype=np.int64))
    assert (len(found.pairs_a), len(found.only_a), len(found.only_b)) == (3000, 2000, 0)


def test_signed_keys_are_keys() -> None:
    stream = np.array([-1, 5, -7, -1], dtype=np.int64)
    assert align(stream, stream[1:]).only_a.tolist() == [0]


@pytest.mark.parametrize("stream", [np.zeros((2, 2), dtype=np.int64), np.zeros(2)])
def test_anything_but_integers_in_one_dimension_is_refused(stream: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="keys are integers in one dimension"):
        align(stream, stream)


def work_of_aligning(size: int, alphabet: int) -> int:
    """Count the elements that aligning two unrelated streams looks at, and the calls that do."""
    random = np.random.default_rng(4)
    a, b = (random.integers(0, alphabet, size).astype(np.uint64) for _ in range(2))
    work = 0

    def counted(name: str, of: int) -> None:
        original = getattr(module, name)
        signature = inspect.signature(original)

        def count(*arguments: Any, **named: Any) -> Any:
            nonlocal work
            values = list(signature.bind(*arguments, **named).arguments.values())
            work += 1000 + len(values[of])
            return original(*arguments, **named)

        monkeypatch.setattr(module, name, count)

    with pytest.MonkeyPatch.context() as monkeypatch:
        counted("_slide", 3)
        counted("_find_cheapest", 0)
        counted("_count_least_alone", 1)
        align(a, b)
    return work


@pytest.mark.slow
@pytest.mark.parametrize("alphabet", [2, 4, 1000])
def test_the_work_on_unrelated_streams_grows_no_faster_than_they_do(alphabet: int) -> None:
    assert work_of_aligning(80_000, alphabet) < 4 * 1.5 * work_of_aligning(20_000, alphabet)


@pytest.mark.slow
@pytest.mark.parametrize("edits", [0, 1, 100])
def test_a_million_keys_align_but_for_the_edits(edits: int) -> None:
    a = np.tile(np.random.default_rng(0).integers(0, 300, 1000).astype(np.uint64), 1000)
    found = align(a, edited(a, edits, edits, 300))
    assert len(found.only_a) + len(found.only_b) <= edits
