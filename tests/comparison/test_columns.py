"""Columns of whole streams: hashed, counted, looked up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.comparison.columns import are_among, mix, occurrences, within_runs

small_numbers = st.lists(st.integers(0, 5), max_size=30)


def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(values, dtype=np.uint64)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_rows_are_hashed_alike_if_and_only_if_they_are_equal(rows: list[tuple[int, int]]) -> None:
    first, second = column([row[0] for row in rows]), column([row[1] for row in rows])
    digests = mix(first, second).tolist()
    assert len(set(digests)) == len(set(rows))
    assert len(set(zip(rows, digests, strict=True))) == len(set(rows))


def test_the_order_of_the_columns_counts() -> None:
    assert mix(column([1]), column([2])) != mix(column([2]), column([1]))


def test_the_type_of_a_column_does_not_count() -> None:
    narrow, truth = np.array([1], dtype=np.uint8), np.array([True])
    assert mix(narrow) == mix(truth) == mix(column([1]))


@given(small_numbers)
def test_an_occurrence_is_how_often_the_value_came_before(values: list[int]) -> None:
    expected = [values[:at].count(value) for at, value in enumerate(values)]
    assert occurrences(column(values)).tolist() == expected


def test_a_run_ends_where_the_value_changes() -> None:
    assert within_runs(column([7, 7, 3, 7])).tolist() == [0, 1, 0, 0]
    assert within_runs(column([])).tolist() == []


@given(small_numbers, small_numbers)
def test_a_value_is_among_others_as_in_a_set(values: list[int], others: list[int]) -> None:
    expected = [value in others for value in values]
    assert are_among(column(values), column(others)).tolist() == expected
