from __future__ import annotations

import math
import struct
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reproaudit.comparison import elements
from reproaudit.comparison.elements import FLOATS, INTEGERS, TensorBytes, element_difference
from reproaudit.config.tolerance import DTYPES, Tolerance
from reproaudit.model.difference import Difference

# name: exponent bits, mantissa bits, bias, style of the special values
FORMATS = {
    "float8_e4m3fn": (4, 3, 7, "fn"),
    "float8_e5m2": (5, 2, 15, "ieee"),
    "float8_e4m3fnuz": (4, 3, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 2, 16, "fnuz"),
    "float16": (5, 10, 15, "ieee"),
    "bfloat16": (8, 7, 127, "ieee"),
    "float32": (8, 23, 127, "ieee"),
    "float64": (11, 52, 1023, "ieee"),
}
BYTE_FORMATS = [name for name in FORMATS if name.startswith("float8")]
ANY_FORMAT = st.sampled_from(sorted(FORMATS))


def width(name: str) -> int:
    return 1 + FORMATS[name][0] + FORMATS[name][1]


def exact_value(name: str, pattern: int) -> Fraction | None:
    """Decode by the definition of the format; an infinity is what its pattern would mean, None is
    NaN."""
    exponent_bits, mantissa_bits, bias, style = FORMATS[name]
    magnitude = pattern % (1 << (exponent_bits + mantissa_bits))
    is_negative = pattern != magnitude
    exponent, fraction = divmod(magnitude, 1 << mantissa_bits)
    top = exponent == (1 << exponent_bits) - 1
    if style == "fnuz" and is_negative and magnitude == 0:
        return None
    if style == "fn" and top and fraction == (1 << mantissa_bits) - 1:
        return None
    if style == "ieee" and top and fraction:
        return None
    whole = fraction + ((1 << mantissa_bits) if exponent else 0)
    value = whole * Fraction(2) ** (max(exponent, 1) - bias - mantissa_bits)
    return -value if is_negative else value


def is_finite(name: str, pattern: int) -> bool:
    exponent_bits, mantissa_bits, _, style = FORMATS[name]
    top = pattern >> mantissa_bits & ((1 << exponent_bits) - 1) == (1 << exponent_bits) - 1
    return exact_value(name, pattern) is not None and not (style == "ieee" and top)


def rank(name: str, value: Fraction) -> int:
    """Number the values of a format in rising order, from the values alone: zero is 0."""
    _, mantissa_bits, bias, _ = FORMATS[name]
    size, smallest = abs(value), Fraction(2) ** (1 - bias)
    exponent = 0
    if size >= smallest:
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        exponent -= Fraction(2) ** exponent > size
        exponent += bias - 1
    number = (
        exponent * 2**mantissa_bits + size / (smallest * Fraction(2) ** exponent) * 2**mantissa_bits
    )
    assert number.denominator == 1
    return int(number) if value >= 0 else -int(number)


def bits(name: str, *patterns: int) -> TensorBytes:
    data = np.array(patterns, dtype=np.uint64).astype(f"<u{width(name) // 8}").tobytes()
    return TensorBytes(name, (len(patterns),), data)


def floats(name: str, *values: float | complex) -> TensorBytes:
    array = np.array(values, dtype=name)
    return TensorBytes(name, array.shape, array.tobytes())


@st.composite
def pattern_pairs(draw: st.DrawFn, size: int = 1) -> tuple[str, list[int], list[int]]:
    """Draw bit patterns of one format: any, and often neighbours, equal ones or opposite ones."""
    name = draw(ANY_FORMAT)
    last = (1 << width(name)) - 1
    firsts = draw(st.lists(st.integers(0, last), min_size=size, max_size=size))
    seconds = []
    for first in firsts:
        near = (first + draw(st.integers(-3, 3))) % (last + 1)
        opposite = first ^ (last // 2 + 1)
        seconds.append(draw(st.one_of(st.integers(0, last), st.sampled_from([near, opposite]))))
    return name, firsts, seconds


@pytest.mark.parametrize("name", BYTE_FORMATS)
def test_every_pair_of_8_bit_floats_falls_into_the_bin_of_its_exact_distance(name: str) -> None:
    values = [exact_value(name, pattern) for pattern in range(256)]
    ranks = [None if value is None else rank(name, value) for value in values]
    expected: Counter[int] = Counter()
    nan_against_number = nan_payload = zero_sign = 0
    for i, first in enumerate(ranks):
        for j, second in enumerate(ranks):
            if first is None or second is None:
                nan_against_number += (first is None) != (second is None)
                nan_payload += first is None and second is None and i != j
            elif first == second:
                zero_sign += i != j
            else:
                expected[1 << (abs(first - second) - 1).bit_length()] += 1
    every, again = np.repeat(np.arange(256), 256), np.tile(np.arange(256), 256)
    found = element_difference(bits(name, *every), bits(name, *again))
    assert found.ulp_histogram == tuple((str(end), expected[end]) for end in sorted(expected))
    assert (found.nan_against_number, found.nan_payload, found.zero_sign) == (
        nan_against_number,
        nan_payload,
        zero_sign,
    )
    assert found.differing == 256 * 255


@pytest.mark.parametrize("name", BYTE_FORMATS)
def test_every_finite_8_bit_float_has_its_exact_distance_from_zero(name: str) -> None:
    for pattern in range(256):
        if is_finite(name, pattern):
            found = element_difference(bits(name, 0), bits(name, pattern))
            assert found.max_abs == abs(exact_value(name, pattern) or 0)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_all_neighbours_of_a_16_bit_float_are_one_ulp_apart(name: str) -> None:
    infinity = {"float16": 0x7C00, "bfloat16": 0x7F80}[name]
    rising = [0x8000 | size for size in range(infinity, 0, -1)] + list(range(infinity + 1))
    found = element_difference(bits(name, *rising[:-1]), bits(name, *rising[1:]))
    assert found.max_ulp == 1
    assert found.ulp_histogram == (("1", 2 * infinity),)


@given(pattern_pairs())
@example(("float64", [0x7FEFFFFFFFFFFFFF], [0xFFEFFFFFFFFFFFFF]))
@example(("float64", [0x7FF0000000000000], [0xFFF0000000000000]))
@example(("float32", [1], [0x80000001]))
@example(("float8_e4m3fnuz", [0x80], [0x00]))
@example(("float8_e5m2fnuz", [0x7F], [0xFF]))
def test_a_pair_has_the_ulp_distance_and_the_difference_of_its_exact_values(
    pair: tuple[str, list[int], list[int]],
) -> None:
    name, (first,), (second,) = pair
    found = element_difference(bits(name, first), bits(name, second))
    exact = exact_value(name, first), exact_value(name, second)
    if first == second:
        assert (found.differing, found.max_ulp, found.max_abs, found.max_rel) == (0, 0, 0, 0)
    elif exact[0] is None or exact[1] is None:
        assert (found.differing, found.max_ulp, found.max_abs, found.max_rel) == (
            1,
            None,
            None,
            None,
        )
    else:
        assert found.max_ulp == abs(rank(name, exact[0]) - rank(name, exact[1]))
        if is_finite(name, first) and is_finite(name, second):
            distance, size = abs(exact[0] - exact[1]), max(abs(exact[0]), abs(exact[1]))
            expected = (
                math.inf if distance > Fraction(np.finfo(np.float64).max) else float(distance)
            )
            assert found.max_abs == min(expected, np.finfo(np.float64).max)
            assert found.max_rel == pytest.approx(
                float(distance / size) if size else 0.0, rel=1e-14
            )
        else:
            assert (found.max_abs, found.max_rel) == (None, None)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 40))
@example(0.0, 1)
@example(-5e-324, 2)
@example(math.nextafter(math.inf, 0), 1)
def test_steps_of_nextafter_are_counted_as_ulps(start: float, steps: int) -> None:
    value, walked = start, 0
    while walked < steps and value != math.inf:
        value, walked = math.nextafter(value, math.inf), walked + 1
    assert element_difference(floats("float64", start), floats("float64", value)).max_ulp == walked


@given(
    pattern_pairs(size=5), st.sampled_from([Tolerance(), Tolerance(ulp=3), Tolerance(1e-2, 1e-3)])
)
def test_swapping_the_tensors_changes_nothing(
    pair: tuple[str, list[int], list[int]], tolerance: Tolerance
) -> None:
    name, first, second = pair
    there = element_difference(bits(name, *first), bits(name, *second), tolerance)
    assert there == element_difference(bits(name, *second), bits(name, *first), tolerance)


@given(pattern_pairs(size=5))
def test_nothing_differs_if_and_only_if_the_bytes_are_equal(
    pair: tuple[str, list[int], list[int]],
) -> None:
    name, first, second = pair
    found = element_difference(bits(name, *first), bits(name, *second))
    assert (found.differing == 0) == (first == second) == found.within_tolerance
    apart = (
        found.nan_against_number
        + found.nan_payload
        + found.zero_sign
        + sum(n for _, n in found.ulp_histogram)
    )
    assert apart == found.differing


TOLERANCES = st.builds(
    Tolerance,
    rtol=st.sampled_from([0.0, 1e-7, 1e-3, 0.5, 2.0]),
    atol=st.sampled_from([0.0, 1e-300, 1e-8, 1.0, 1e308]),
    ulp=st.sampled_from([0, 1, 4, 1 << 40, 1 << 70]),
)


@given(pattern_pairs(size=2), TOLERANCES, TOLERANCES)
@example(("float32", [0, 0], [0x80000000, 0]), Tolerance(), Tolerance(ulp=1))
@example(("float16", [0x7C00, 0], [0x7BFF, 0]), Tolerance(ulp=1), Tolerance(rtol=2.0))
def test_widening_a_tolerance_never_worsens_the_verdict(
    pair: tuple[str, list[int], list[int]], one: Tolerance, other: Tolerance
) -> None:
    name, first, second = pair
    wider = Tolerance(max(one.rtol, other.rtol), max(one.atol, other.atol), max(one.ulp, other.ulp))
    a, b = bits(name, *first), bits(name, *second)
    if element_difference(a, b, one).within_tolerance:
        assert element_difference(a, b, wider).within_tolerance


@pytest.mark.parametrize(
    "tolerance", [Tolerance(ulp=1), Tolerance(rtol=1e-6), Tolerance(atol=1e-300)]
)
def test_any_tolerance_but_the_bitwise_admits_a_sign_of_zero_and_another_nan(
    tolerance: Tolerance,
) -> None:
    a = bits("float32", 0x00000000, 0x7FC00000)
    b = bits("float32", 0x80000000, 0x7FC00001)
    assert element_difference(a, b, tolerance).within_tolerance
    assert not element_difference(a, b, Tolerance()).within_tolerance


@pytest.mark.parametrize("pair", [(math.nan, 1.0), (math.inf, -math.inf), (math.inf, 3.0)])
def test_no_relative_or_absolute_tolerance_brings_nan_or_infinity_near_a_number(
    pair: tuple[float, float],
) -> None:
    a, b = (floats("float64", value) for value in pair)
    assert not element_difference(a, b, Tolerance(rtol=10.0, atol=1e308)).within_tolerance


def test_nan_is_near_no_number_however_many_ulps_are_allowed() -> None:
    found = element_difference(
        floats("float32", math.nan), floats("float32", math.inf), Tolerance(ulp=1 << 64)
    )
    assert not found.within_tolerance


def test_a_difference_beyond_float64_is_capped_and_still_judged_exactly() -> None:
    a, b = floats("float64", 1.6e308), floats("float64", -1.6e308)
    found = element_difference(a, b, Tolerance(rtol=1.99))
    assert (found.max_abs, found.max_rel) == (np.finfo(np.float64).max, 2.0)
    assert not found.within_tolerance
    assert element_difference(a, b, Tolerance(rtol=2.0)).within_tolerance


@pytest.mark.parametrize(
    ("dtype", "a", "b", "distance"),
    [
        ("int64", -(2**63), 2**63 - 1, 2**64 - 1),
        ("uint64", 0, 2**64 - 1, 2**64 - 1),
        ("int64", 2**53 + 1, 0, 2**53 + 1),
        ("int8", -128, 127, 255),
        ("uint16", 65535, 1, 65534),
        ("bool", False, True, 1),
    ],
)
def test_integers_have_an_exact_distance_and_no_ulps(
    dtype: str, a: int, b: int, distance: int
) -> None:
    found = element_difference(floats(dtype, a), floats(dtype, b))
    assert (found.max_abs, found.max_ulp, found.ulp_histogram) == (distance, None, ())
    assert found.max_rel == pytest.approx(distance / max(abs(a), abs(b)))


def test_integers_are_held_to_the_tolerance_too() -> None:
    a, b = floats("int32", 100, 7), floats("int32", 101, 7)
    assert element_difference(a, b, Tolerance(rtol=0.01)).within_tolerance
    assert not element_difference(a, b, Tolerance(rtol=0.009)).within_tolerance
    assert not element_difference(a, b, Tolerance(ulp=4)).within_tolerance


def test_a_complex_element_differs_once_and_by_the_modulus() -> None:
    found = element_difference(floats("complex64", 0, 1 + 1j), floats("complex64", 3 + 4j, 1 + 1j))
    assert (found.differing, found.max_abs, found.first_index) == (1, 5.0, (0,))
    assert found.max_rel == 1.0
    assert sum(count for _, count in found.ulp_histogram) == 1


def test_the_parts_of_a_complex_number_that_are_alike_but_not_finite_do_not_hide_the_others() -> (
    None
):
    a, b = complex(math.inf, 1.0), complex(math.inf, 1.001)
    near = element_difference(
        floats("complex128", a), floats("complex128", b), Tolerance(rtol=0.01)
    )
    assert near.within_tolerance
    far = element_difference(floats("complex128", a), floats("complex128", b), Tolerance(rtol=1e-5))
    assert not far.within_tolerance


def test_a_complex_modulus_beyond_float64_is_judged_without_overflow() -> None:
    a, b = complex(1.7e308, 1.7e308), complex(-1.7e308, 1.7e308)
    found = element_difference(floats("complex128", a), floats("complex128", b))
    assert found.max_rel == pytest.approx(math.sqrt(2))


def test_the_first_differing_element_is_named_by_its_logical_index() -> None:
    content = np.zeros((3, 4, 5), dtype=np.float32)
    other = content.copy()
    other[1, 2, 3] = other[2, 0, 0] = 1
    a, b = (TensorBytes("float32", (3, 4, 5), array.tobytes()) for array in (content, other))
    assert element_difference(a, b).first_index == (1, 2, 3)


def test_chunks_add_up_to_the_same_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    words = random.integers(0, 1 << 16, size=(2, 1000))
    words[1, :300] = words[0, :300]
    a, b = bits("float16", *words[0]), bits("float16", *words[1])
    whole = element_difference(a, b, Tolerance(ulp=1000))
    monkeypatch.setattr(elements, "CHUNK_ELEMENTS", 7)
    assert element_difference(a, b, Tolerance(ulp=1000)) == whole
    assert whole.first_index == (300,)


@pytest.mark.parametrize("dtype", sorted(FLOATS | INTEGERS))
def test_a_tensor_without_elements_equals_itself(dtype: str) -> None:
    empty = TensorBytes(dtype, (0, 3), b"")
    found = element_difference(empty, empty)
    assert (found.elements, found.differing, found.first_index, found.within_tolerance) == (
        0,
        0,
        None,
        True,
    )


def test_a_scalar_has_the_empty_index() -> None:
    a, b = (TensorBytes("float32", (), struct.pack("<f", value)) for value in (1.0, 2.0))
    assert element_difference(a, b).first_index == ()


def test_an_unknown_dtype_is_compared_as_bytes_and_no_tolerance_admits_it() -> None:
    a, b = (
        TensorBytes("quint4x2", (2,), b"\x01\x02\x03\x04"),
        TensorBytes("quint4x2", (2,), b"\x01\x02\x03\x05"),
    )
    found = element_difference(a, b, Tolerance(atol=10.0))
    assert found == Difference(elements=2, differing=1, first_index=(1,))


def test_another_shape_or_dtype_is_refused_with_both_named() -> None:
    with pytest.raises(ValueError, match=r"float32\[2\] with float32\[1\]"):
        element_difference(floats("float32", 1, 2), floats("float32", 1))
    with pytest.raises(ValueError, match=r"float32\[1\] with int32\[1\]"):
        element_difference(floats("float32", 1), floats("int32", 1))


def test_data_of_another_length_than_the_shape_says_is_refused() -> None:
    with pytest.raises(ValueError, match=r"float32\[3\] cannot have 8 bytes"):
        element_difference(
            TensorBytes("float32", (3,), bytes(8)), TensorBytes("float32", (3,), bytes(8))
        )


def test_a_tolerance_can_be_asked_for_of_each_dtype_that_is_measured_and_of_no_other() -> None:
    assert {*FLOATS, *INTEGERS} == DTYPES
