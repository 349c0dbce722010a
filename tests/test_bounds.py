"""What no document of ours goes beyond."""

from __future__ import annotations

from typing import Any

from reproaudit.bounds import MAX_DEPTH, is_too_deep


def nest(depth: int) -> Any:
    found: Any = 1
    for number in range(depth):
        found = [found] if number % 2 else {"a": found}
    return found


def test_a_document_may_be_as_deep_as_the_bound_and_no_deeper() -> None:
    assert not is_too_deep(nest(MAX_DEPTH))
    assert is_too_deep(nest(MAX_DEPTH + 1))
    assert is_too_deep(nest(100_000))


def test_a_wide_document_is_not_deep() -> None:
    assert not is_too_deep([{"a": [1]}] * 100_000)
