"""How far two tensors of one dtype and shape are apart, element by element."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reproaudit.config.tolerance import Tolerance
from reproaudit.model.difference import Difference

Array = npt.NDArray[Any]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

# Bounds the memory that a comparison needs, and keeps its arrays in the cache.
CHUNK_ELEMENTS = 1 << 18
BIN_ENDS = np.uint64(1) << np.arange(64, dtype=np.uint64)


class TensorContent(Protocol):
    """A tensor's exact content.

    `data` holds its elements in logical row-major order, little-endian, without gaps.
    """

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def data(self) -> Buffer: ...


@dataclass(frozen=True, slots=True)
class TensorBytes:
    """A `TensorContent` in memory. `dtype` is torch's name without the prefix: "bfloat16"."""

    dtype: str
    shape: tuple[int, ...]
    data: Buffer


@dataclass(frozen=True, slots=True)
class _FloatFormat:
    """A sign-magnitude float.

    Magnitudes are bit patterns without the sign bit, and rise with the value.
    """

    bits: int
    last_finite: int
    last_number: int  # the infinity where the format has one
    negative_zero_is_nan: bool
    decode: Callable[[Array], Array]  # finite bit patterns to float64, exactly
    parts: int = 1  # 2 for complex


def _narrow(
    exponent_bits: int, bias: int, *, last_finite: int, last_number: int, fnuz: bool = False
) -> _FloatFormat:
    """Describe an 8-bit float: its 256 values are a table."""
    mantissa_bits = 7 - exponent_bits
    implicit_one = 1 << mantissa_bits
    magnitude = np.arange(128)
    exponent = magnitude >> mantissa_bits
    fraction = magnitude & (implicit_one - 1)
    is_subnormal = exponent == 0
    significand = np.where(is_subnormal, fraction, fraction + implicit_one).astype(np.float64)
    positive = np.ldexp(significand, np.maximum(exponent, 1) - bias - mantissa_bits)
    table = np.concatenate([positive, -positive])
    return _FloatFormat(
        bits=8,
        last_finite=last_finite,
        last_number=last_number,
        negative_zero_is_nan=fnuz,
        decode=lambda words: table[words],
    )


def _ieee(
    bits: int, mantissa_bits: int, decode: Callable[[Array], Array], parts: int = 1
) -> _FloatFormat:
    infinity = (1 << (bits - 1)) - (1 << mantissa_bits)
    return _FloatFormat(
        bits=bits,
        last_finite=infinity - 1,
        last_number=infinity,
        negative_zero_is_nan=False,
        decode=decode,
        parts=parts,
    )


def _view_as(dtype: str) -> Callable[[Array], Array]:
    return lambda words: words.view(dtype).astype(np.float64)


def _decode_bfloat16(words: Array) -> Array:
    # The upper half of a float32, which NumPy knows.
    widened: Array = (words.astype("<u4") << np.uint32(16)).view("<f4")
    return widened.astype(np.float64)


FLOATS = {
    "float8_e4m3fn": _narrow(4, 7, last_finite=0x7E, last_number=0x7E),
    "float8_e5m2": _narrow(5, 15, last_finite=0x7B, last_number=0x7C),
    "float8_e4m3fnuz": _narrow(4, 8, last_finite=0x7F, last_number=0x7F, fnuz=True),
    "float8_e5m2fnuz": _narrow(5, 16, last_finite=0x7F, last_number=0x7F, fnuz=True),
    "float16": _ieee(16, 10, _view_as("<f2")),
    "bfloat16": _ieee(16, 7, _decode_bfloat16),
    "float32": _ieee(32, 23, _view_as("<f4")),
    "float64": _ieee(64, 52, _view_as("<f8")),
    "complex32": _ieee(16, 10, _view_as("<f2"), parts=2),
    "complex64": _ieee(32, 23, _view_as("<f4"), parts=2),
    "complex128": _ieee(64, 52, _view_as("<f8"), parts=2),
}
INTEGERS = {
    "bool": "?",
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "uint8": "<u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
}


@dataclass(slots=True)
class _Tally:
    """What the chunks seen so far add up to."""

    differing: int = 0
    first: int | None = None
    max_ulp: int | None = None
    max_abs: float | None = None
    max_rel: float | None = None
    nan_against_number: int = 0
    nan_payload: int = 0
    zero_sign: int = 0
    bins: Array = field(default_factory=lambda: np.zeros(len(BIN_ENDS) + 1, np.int64))
    within: bool = True


def element_difference(
    a: TensorContent, b: TensorContent, tolerance: Tolerance = Tolerance()
) -> Difference:
    """Compare two tensors bit for bit and measure how far the elements that differ are apart.

    An infinity counts as the number after the largest finite one, and 0.0 and -0.0 as 0 ULP apart
    (`zero_sign` counts them). `max_ulp`, `max_abs` and `max_rel` are 0 for equal tensors and None
    where something differs but no pair of numbers (for the last two: of finite numbers) does.
    `max_abs` is an exact int for integers and saturates at the largest float64. The parts of a
    complex element are compared as floats, `max_ulp` is over parts, `max_abs` and `max_rel` are
    moduli, and each counter counts an element once. A dtype unknown here is compared as bytes only.

    `within_tolerance` holds if for every element the bits are equal, or |a-b| <= atol + rtol *
    max(|a|, |b|), or the ULP distance (of each part) is at most `ulp`; NaN is within of NaN and
    never of a number, and an infinity is near a finite number only by ULPs. The bitwise tolerance
    admits nothing but equal bits: neither 0.0 for -0.0 nor one NaN for another.

    Raises ValueError if dtype or shape differ, or if the data is not as long as they say.
    """
    if a.dtype != b.dtype or tuple(a.shape) != tuple(b.shape):
        raise ValueError(f"cannot compare {_name(a)} with {_name(b)} element by element")
    elements = math.prod(a.shape)
    tally = _Tally()
    for start, words_a, words_b in _iterate_chunks(a, b, elements):
        where = np.flatnonzero((words_a != words_b).any(axis=1))
        if not where.size:
            continue
        if tally.first is None:
            tally.first = start + int(where[0])
        tally.differing += where.size
        if a.dtype in FLOATS:
            form = FLOATS[a.dtype]
            _tally_floats(tally, words_a[where], b=words_b[where], form=form, tolerance=tolerance)
        elif a.dtype in INTEGERS:
            values_a = _view_integers(words_a[where], INTEGERS[a.dtype])
            values_b = _view_integers(words_b[where], INTEGERS[a.dtype])
            _tally_integers(tally, values_a, values_b, tolerance)
    if tally.differing == 0:
        return _no_difference(a.dtype, elements)
    is_measured = a.dtype in FLOATS or a.dtype in INTEGERS
    return Difference(
        elements=elements,
        differing=tally.differing,
        max_ulp=tally.max_ulp,
        max_abs=tally.max_abs,
        max_rel=tally.max_rel,
        first_index=_index_of(tally.first, a.shape),
        nan_against_number=tally.nan_against_number,
        nan_payload=tally.nan_payload,
        zero_sign=tally.zero_sign,
        ulp_histogram=_name_bins(tally.bins),
        within_tolerance=is_measured and tally.within and not tolerance.is_bitwise,
    )


def _no_difference(dtype: str, elements: int) -> Difference:
    """Return what equal tensors give: 0 for each measure that their dtype has."""
    is_float = dtype in FLOATS
    is_integer = dtype in INTEGERS
    max_abs: float | None = None
    if is_float:
        max_abs = 0.0
    elif is_integer:
        max_abs = 0
    return Difference(
        elements=elements,
        differing=0,
        max_ulp=0 if is_float else None,
        max_abs=max_abs,
        max_rel=0.0 if is_float or is_integer else None,
        within_tolerance=True,
    )


def _index_of(element: int | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if element is None:
        return None
    return tuple(int(position) for position in np.unravel_index(element, shape))


def _name_bins(bins: Array) -> tuple[tuple[str, int], ...]:
    """Return the upper end of each bin that is not empty, and how many elements it has."""
    return tuple((str(1 << number), int(count)) for number, count in enumerate(bins) if count)


def _name(tensor: TensorContent) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _iterate_chunks(
    a: TensorContent, b: TensorContent, elements: int
) -> Iterator[tuple[int, Array, Array]]:
    """Yield (number of the first element, words of a, words of b) of one chunk after the other."""
    words_a = _view_words(a, elements)
    words_b = _view_words(b, elements)
    if words_a.shape != words_b.shape:
        raise ValueError(f"{_name(a)}: {words_a.nbytes} bytes against {words_b.nbytes}")
    for start in range(0, elements, CHUNK_ELEMENTS):
        stop = start + CHUNK_ELEMENTS
        yield start, words_a[start:stop], words_b[start:stop]


def content_bytes(tensor: TensorContent) -> npt.NDArray[np.uint8]:
    """Return a tensor's data as an array of bytes."""
    if len(tensor.data):
        return np.frombuffer(tensor.data, np.uint8)
    return np.zeros(0, np.uint8)  # which NumPy refuses to make of an empty buffer


def _view_words(tensor: TensorContent, elements: int) -> Array:
    """Return the data as unsigned words, one row per element; a complex one has two."""
    content = content_bytes(tensor)
    parts = 1
    if tensor.dtype in FLOATS:
        form = FLOATS[tensor.dtype]
        width = form.bits // 8
        parts = form.parts
    elif tensor.dtype in INTEGERS:
        width = np.dtype(INTEGERS[tensor.dtype]).itemsize
    else:
        width = 1
        parts = content.size // max(elements, 1)
    if content.size != elements * parts * width:
        raise ValueError(f"{_name(tensor)} cannot have {content.size} bytes of data")
    return content.view(f"<u{width}").reshape(elements, parts)


def _tally_floats(
    tally: _Tally, a: Array, *, b: Array, form: _FloatFormat, tolerance: Tolerance
) -> None:
    """Add elements that differ, shape [elements, parts], to the tally."""
    sign = np.uint64(1 << (form.bits - 1))
    wide_a = a.astype(np.uint64)
    wide_b = b.astype(np.uint64)
    size_a = wide_a & ~sign
    size_b = wide_b & ~sign
    if form.negative_zero_is_nan:
        nan_a = wide_a == sign
        nan_b = wide_b == sign
    else:
        nan_a = size_a > form.last_number
        nan_b = size_b > form.last_number
    both_nan = nan_a & nan_b
    are_numbers = ~(nan_a | nan_b)
    unequal = wide_a != wide_b
    same_sign = (wide_a & sign) == (wide_b & sign)
    gap = np.maximum(size_a, size_b) - np.minimum(size_a, size_b)
    ulps = np.where(same_sign, gap, size_a + size_b)
    ulps[~are_numbers] = 0

    tally.nan_against_number += _count_elements(nan_a ^ nan_b)
    tally.nan_payload += _count_elements(both_nan & unequal)
    tally.zero_sign += _count_elements(are_numbers & unequal & (ulps == 0))
    if (are_numbers & unequal).any():
        tally.max_ulp = max(tally.max_ulp or 0, int(ulps.max()))
        bins = np.searchsorted(BIN_ENDS, ulps.max(axis=1))
        tally.bins += np.bincount(bins[ulps.any(axis=1)], minlength=len(tally.bins))

    are_finite = are_numbers & (np.maximum(size_a, size_b) <= form.last_finite)
    # Equal infinities and pairs of NaNs have no distance; the other part of such a complex element
    # still has.
    are_settled = ~are_finite & (both_nan | ~unequal)
    measurable = (are_finite | are_settled).all(axis=1)
    values_a = form.decode(np.where(are_finite, a, 0).astype(a.dtype))
    values_b = form.decode(np.where(are_finite, b, 0).astype(b.dtype))
    distance, relative, near = _measure(values_a[measurable], values_b[measurable], tolerance)
    measured = are_finite[measurable].any(axis=1)
    if measured.any():
        tally.max_abs = max(tally.max_abs or 0.0, float(distance[measured].max()))
        tally.max_rel = max(tally.max_rel or 0.0, float(relative[measured].max()))
    most_ulps = np.uint64(min(tolerance.ulp, (1 << 64) - 1))
    within = (both_nan | (are_numbers & (ulps <= most_ulps))).all(axis=1)
    within[measurable] |= near
    tally.within &= bool(within.all())


def _count_elements(marked_parts: Array) -> int:
    return int(np.count_nonzero(marked_parts.any(axis=1)))


def _measure(
    a: Array, b: Array, tolerance: Tolerance, scale: float = 1.0
) -> tuple[Array, Array, Array]:
    """Return |a-b|, |a-b| / max(|a|, |b|) and whether it is within rtol and atol.

    For rows of finite float64 parts, which were multiplied by `scale`. Rows whose difference or
    modulus overflows are measured again at a quarter of their size.
    """
    with np.errstate(over="ignore", under="ignore"):
        distance = _modulus(a - b)
        magnitude = np.maximum(_modulus(a), _modulus(b))
        overflows = ~(np.isfinite(distance) & np.isfinite(magnitude))
        can_divide = (magnitude > 0) & ~overflows
        relative = np.divide(distance, magnitude, out=np.zeros_like(distance), where=can_divide)
        allowed = tolerance.atol * scale + tolerance.rtol * np.where(overflows, 0, magnitude)
        near = distance <= allowed
        if overflows.any():
            again = _measure(a[overflows] / 4, b[overflows] / 4, tolerance, 0.25)
            quarter, relative[overflows], near[overflows] = again
            distance[overflows] = np.minimum(quarter * 4, sys.float_info.max)
    return distance, relative, near


def _modulus(parts: Array) -> Array:
    if parts.shape[1] == 1:
        absolute: Array = np.abs(parts[:, 0])
        return absolute
    length: Array = np.hypot(parts[:, 0], parts[:, 1])
    return length


def _view_integers(words: Array, dtype: str) -> Array:
    """Return the values of unsigned words of shape [elements, 1]."""
    column: Array = words[:, 0]
    if dtype == "?":
        truth: Array = (column != 0).astype(np.uint8)  # any byte but 0 is true
        return truth
    values: Array = column.view(dtype)
    return values


def _tally_integers(tally: _Tally, a: Array, b: Array, tolerance: Tolerance) -> None:
    """Add elements that differ, shape [elements], to the tally."""
    # Two's complement: the wrapped difference of the larger and the smaller is the exact one, up to
    # 2**64 - 1.
    distance = np.maximum(a, b).astype(np.uint64) - np.minimum(a, b).astype(np.uint64)
    tally.max_abs = max(int(tally.max_abs or 0), int(distance.max()))
    size = np.maximum(_absolute(a), _absolute(b)).astype(np.float64)
    wide = distance.astype(np.float64)
    relative = np.divide(wide, size, out=np.zeros_like(size), where=size > 0)
    tally.max_rel = max(tally.max_rel or 0.0, float(relative.max()))
    with np.errstate(over="ignore"):
        allowed = tolerance.atol + tolerance.rtol * size
        tally.within &= bool((wide <= allowed).all())


def _absolute(values: Array) -> Array:
    wide = values.astype(np.uint64)
    return np.where(values < 0, np.uint64(0) - wide, wide)
