"""The code of a distance in ULP."""

from __future__ import annotations

from itertools import pairwise

from reproaudit.model.growth import MEASURED, NO_ULP, code_of_ulp, ulp_of_code


def test_a_code_is_a_third_of_a_power_of_two() -> None:
    assert [code_of_ulp(1 << n) for n in range(4)] == [MEASURED + 3 * n for n in range(4)]


def test_a_larger_distance_has_no_smaller_code_and_none_is_taken_for_another_thing() -> None:
    codes = [code_of_ulp(ulp) for ulp in (*range(1, 3000), 1 << 31, 1 << 32, 1 << 64, 1 << 200)]
    assert all(low <= high for low, high in pairwise(codes))
    assert codes[0] == MEASURED
    assert codes[-1] < NO_ULP


def test_a_code_is_read_back_as_about_the_distance_that_it_was_made_of() -> None:
    assert [ulp_of_code(code_of_ulp(1 << n)) for n in range(64)] == [2.0**n for n in range(64)]
    assert all(abs(ulp_of_code(code_of_ulp(ulp)) / ulp - 1) < 0.13 for ulp in range(1, 3000))
