"""Whether answers are apart by rounding alone, as far as that can be told."""

from __future__ import annotations

import pytest

from reproaudit.diagnose.batches import blame_distance, is_rounding
from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference


def apart(most: float, *, nan: int = 0) -> Difference:
    return Difference(elements=8, differing=2, max_ulp=9, max_abs=most, nan_against_number=nan)


@pytest.mark.parametrize(
    ("difference", "tensor", "largest", "expected"),
    [
        (apart(1e-6), "float32[8, 3]", 1.0, True),
        (apart(1e-6), "float32[8, 3]", 1e-5, False),
        (apart(0.2), "float32[8, 3]", 1.0, False),
        (apart(0.05), "bfloat16[8, 3]", 1.0, True),
        (apart(0.5), "bfloat16[8, 3]", 1.0, False),
        (apart(1e-6, nan=1), "float32[8, 3]", 1.0, False),
        (None, "float32[8, 3]", 1.0, None),  # values were not kept
        (apart(1e-6), "float32[8, 3]", None, None),
        (apart(90.0), "int64[8, 3]", None, None),  # tokens measure nothing
    ],
)
def test_rounding_is_told_by_the_largest_number_of_the_answer(
    difference: Difference | None, tensor: str, largest: float | None, expected: bool | None
) -> None:
    assert is_rounding(difference, tensor, largest) is expected


def test_of_a_distance_nothing_is_said_of_the_cause() -> None:
    finding = blame_distance(None)
    assert finding.rule == "RA609"
    assert finding.cause is Cause.UNKNOWN
    assert finding.location is None
