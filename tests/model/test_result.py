"""What a finished result answers about itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from reproaudit.model.difference import Difference
from reproaudit.model.events import EventKind, Phase
from reproaudit.model.result import (
    AuditResult,
    TensorDivergence,
)
from reproaudit.model.verdict import Verdict

BATCH = TensorDivergence(kind=EventKind.BATCH, name="loader", step=0, phase=Phase.DATA, runs=(0, 1))
GRADIENT = replace(BATCH, kind=EventKind.GRADIENT, name="w", phase=Phase.BACKWARD)
RESULT = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    headline="2 runs, 2 distinct",
    subject="train.py",
    runs=(),
    classes=((0,), (1,)),
    steps=1,
)


def test_the_first_divergence_is_the_first_that_decides_and_not_a_batch_before_it() -> None:
    assert replace(RESULT, divergences=(BATCH, GRADIENT)).first_divergence == GRADIENT


def test_where_only_batches_differ_the_first_of_them_is_named() -> None:
    other = replace(BATCH, step=1)
    assert replace(RESULT, divergences=(BATCH, other)).first_divergence == BATCH


def test_without_a_divergence_there_is_no_first_one() -> None:
    assert RESULT.first_divergence is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (GRADIENT, True),
        (replace(GRADIENT, difference=Difference(elements=4, differing=1)), False),
        (replace(GRADIENT, only_in=1), False),
        (replace(GRADIENT, other_tensor="float32[3]"), False),
    ],
)
def test_values_are_lacking_only_where_they_could_have_been_compared(
    row: TensorDivergence, expected: bool
) -> None:
    assert row.lacks_values is expected


def test_a_finished_result_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RESULT.steps = 2  # type: ignore[misc]
