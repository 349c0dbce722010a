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
from reproaudit.model.result import Difference

Array = npt.NDArray[Any]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

CHUNK_ELEMENTS = (
    1 << 18
)  # bounds the memory that a comparison needs, and keeps its arrays in the cache
BIN_ENDS = np.uint64(1) << np.arange(64, dtype=np.uint64)


class TensorContent(Protocol):
    """A tensor's exact content: `data` holds its elements in logical row-major order,
    little-endian, without gaps."""

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
    """A sign-magnitude float. Magnitudes are bit patterns without the sign bit and rise with the
    value."""

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
    magnitude = np.arange(128)
    exponent, fraction = magnitude >> mantissa_bits, magnitude & ((1 << mantissa_bits) - 1)
    significand = np.where(exponent == 0, fraction, fraction + (1 << mantissa_bits)).astype(
        np.float64
    )
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


FLOATS = {
    "float8_e4m3fn": _narrow(4, 7, last_finite=0x7E, last_number=0x7E),
    "float8_e5m2": _narrow(5, 15, last_finite=0x7B, last_number=0x7C),
    "float8_e4m3fnuz": _narrow(4, 8, last_finite=0x7F, last_number=0x7F, fnuz=True),
    "float8_e5m2fnuz": _narrow(5, 16, last_finite=0x7F, last_number=0x7F, fnuz=True),
    "float16": _ieee(16, 10, _view_as("<f2")),
    "bfloat16": _ieee(16, 7, lambda words: _view_as("<f4")(words.astype("<u4") << np.uint32(16))),
    "float32": _ieee(32, 23, _view_as("<f4")),
    "float64": _ieee(64, 52, _view_as("<f8")),
    "complex32": _ieee(16, 10, _view_as("<f2"), parts=2),
    "complex64": _ieee(32, 23, _view_as("<f4"), parts=2),
    "complex128": _ieee(64, 52, _view_as("<f8"), parts=2),
}
INTEGERS = {"bool": "?"} | {
    f"{prefix}int{8 * size}": f"<{prefix or 'i'}{size}"
    for prefix in ("", "u")
    for size in (1, 2, 4, 8)
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
        raise ValueError(
            f"cannot compare {_description(a)} with {_description(b)} element by element"
        )
    elements = math.prod(a.shape)
    measured = a.dtype in FLOATS or a.dtype in INTEGERS
    tally = _Tally()
    for start, words_a, words_b in _chunks(a, b, elements):
        where = np.flatnonzero((words_a != words_b).any(axis=1))
        if not where.size:
            continue
        if tally.first is None:
            tally.first = start + int(where[0])
        tally.differing += where.size
        if a.dtype in FLOATS:
            _tally_floats(
                tally, words_a[where], b=words_b[where], form=FLOATS[a.dtype], tolerance=tolerance
            )
        elif a.dtype in INTEGERS:
            _tally_integers(
                tally,
                words_a[where],
                words_b=words_b[where],
                dtype=INTEGERS[a.dtype],
                tolerance=tolerance,
            )
    is_equal = tally.differing == 0
    return Difference(
        elements=elements,
        differing=tally.differing,
        max_ulp=0 if is_equal and a.dtype in FLOATS else tally.max_ulp,
        max_abs=(0.0 if a.dtype in FLOATS else 0) if is_equal and measured else tally.max_abs,
        max_rel=0.0 if is_equal and measured else tally.max_rel,
        first_index=None
        if tally.first is None
        else tuple(int(i) for i in np.unravel_index(tally.first, a.shape)),
        nan_against_number=tally.nan_against_number,
        nan_payload=tally.nan_payload,
        zero_sign=tally.zero_sign,
        ulp_histogram=tuple(
            (str(1 << i), int(count)) for i, count in enumerate(tally.bins) if count
        ),
        within_tolerance=is_equal or (measured and tally.within and not tolerance.is_bitwise),
    )


def _description(tensor: TensorContent) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _chunks(
    a: TensorContent, b: TensorContent, elements: int
) -> Iterator[tuple[int, Array, Array]]:
    """Yield (number of the first element, words of a, words of b); words are unsigned, one row per
    element."""
    words_a, words_b = _words(a, elements), _words(b, elements)
    if words_a.shape != words_b.shape:
        raise ValueError(f"{_description(a)}: {words_a.nbytes} bytes against {words_b.nbytes}")
    for start in range(0, elements, CHUNK_ELEMENTS):
        stop = start + CHUNK_ELEMENTS
        yield start, words_a[start:stop], words_b[start:stop]


def content_bytes(tensor: TensorContent) -> npt.NDArray[np.uint8]:
    return np.frombuffer(tensor.data, np.uint8) if len(tensor.data) else np.zeros(0, np.uint8)


def _words(tensor: TensorContent, elements: int) -> Array:
    content = content_bytes(tensor)
    if tensor.dtype in FLOATS:
        width, parts = FLOATS[tensor.dtype].bits // 8, FLOATS[tensor.dtype].parts
    elif tensor.dtype in INTEGERS:
        width, parts = np.dtype(INTEGERS[tensor.dtype]).itemsize, 1
    else:
        width, parts = 1, content.size // max(elements, 1)
    if content.size != elements * parts * width:
        raise ValueError(f"{_description(tensor)} cannot have {content.size} bytes of data")
    return content.view(f"<u{width}").reshape(elements, parts)


def _tally_floats(
    tally: _Tally, a: Array, *, b: Array, form: _FloatFormat, tolerance: Tolerance
) -> None:
    sign = np.uint64(1 << (form.bits - 1))
    wide_a, wide_b = a.astype(np.uint64), b.astype(np.uint64)
    size_a, size_b = wide_a & ~sign, wide_b & ~sign
    nan_a, nan_b = size_a > form.last_number, size_b > form.last_number
    if form.negative_zero_is_nan:
        nan_a, nan_b = wide_a == sign, wide_b == sign
    numbers, unequal = ~(nan_a | nan_b), wide_a != wide_b
    same_sign = (wide_a & sign) == (wide_b & sign)
    ulps = np.where(
        same_sign, np.maximum(size_a, size_b) - np.minimum(size_a, size_b), size_a + size_b
    )
    ulps[~numbers] = 0

    tally.nan_against_number += _count(nan_a ^ nan_b)
    tally.nan_payload += _count(nan_a & nan_b & unequal)
    tally.zero_sign += _count(numbers & unequal & (ulps == 0))
    if (numbers & unequal).any():
        tally.max_ulp = max(tally.max_ulp or 0, int(ulps.max()))
        ends = np.searchsorted(BIN_ENDS, ulps.max(axis=1))
        tally.bins += np.bincount(ends[ulps.any(axis=1)], minlength=len(tally.bins))

    finite = numbers & (np.maximum(size_a, size_b) <= form.last_finite)
    # Equal infinities and pairs of NaNs have no distance; the other part of such a complex element
    # still has.
    settled = ~finite & ((nan_a & nan_b) | ~unequal)
    measurable = (finite | settled).all(axis=1)
    values_a, values_b = (
        form.decode(np.where(finite, words, 0).astype(words.dtype)) for words in (a, b)
    )
    distance, relative, near = _measure(values_a[measurable], values_b[measurable], tolerance)
    measured = finite[measurable].any(axis=1)
    if measured.any():
        tally.max_abs = max(tally.max_abs or 0.0, float(distance[measured].max()))
        tally.max_rel = max(tally.max_rel or 0.0, float(relative[measured].max()))
    within = (
        (nan_a & nan_b) | (numbers & (ulps <= np.uint64(min(tolerance.ulp, (1 << 64) - 1))))
    ).all(axis=1)
    within[measurable] |= near
    tally.within &= bool(within.all())


def _count(parts: Array) -> int:
    return int(np.count_nonzero(parts.any(axis=1)))


def _measure(
    a: Array, b: Array, tolerance: Tolerance, scale: float = 1.0
) -> tuple[Array, Array, Array]:
    """Return |a-b|, |a-b| / max(|a|, |b|) and whether it is within rtol and atol, for rows of
    finite float64 parts.

    Rows whose difference or modulus overflows are measured again at a quarter of their size.
    """
    with np.errstate(over="ignore", under="ignore"):
        distance = _modulus(a - b)
        magnitude = np.maximum(_modulus(a), _modulus(b))
        overflown = ~(np.isfinite(distance) & np.isfinite(magnitude))
        relative = np.divide(
            distance, magnitude, out=np.zeros_like(distance), where=(magnitude > 0) & ~overflown
        )
        near = distance <= tolerance.atol * scale + tolerance.rtol * np.where(
            overflown, 0, magnitude
        )
        if overflown.any():
            small, relative[overflown], near[overflown] = _measure(
                a[overflown] / 4, b[overflown] / 4, tolerance, 0.25
            )
            distance[overflown] = np.minimum(small * 4, sys.float_info.max)
    return distance, relative, near


def _modulus(parts: Array) -> Array:
    return np.abs(parts[:, 0]) if parts.shape[1] == 1 else np.hypot(parts[:, 0], parts[:, 1])


def _tally_integers(
    tally: _Tally, words_a: Array, *, words_b: Array, dtype: str, tolerance: Tolerance
) -> None:
    if dtype == "?":
        a, b = (words_a[:, 0] != 0).astype(np.uint8), (words_b[:, 0] != 0).astype(np.uint8)
    else:
        a, b = words_a[:, 0].view(dtype), words_b[:, 0].view(dtype)
    # Two's complement: the wrapped difference of the larger and the smaller is the exact one, up to
    # 2**64 - 1.
    distance = np.maximum(a, b).astype(np.uint64) - np.minimum(a, b).astype(np.uint64)
    size = np.maximum(_absolute(a), _absolute(b)).astype(np.float64)
    tally.max_abs = max(int(tally.max_abs or 0), int(distance.max()))
    relative = np.divide(distance.astype(np.float64), size, out=np.zeros_like(size), where=size > 0)
    tally.max_rel = max(tally.max_rel or 0.0, float(relative.max()))
    with np.errstate(over="ignore"):
        tally.within &= bool(
            (distance.astype(np.float64) <= tolerance.atol + tolerance.rtol * size).all()
        )


def _absolute(values: Array) -> Array:
    wide = values.astype(np.uint64)
    return np.where(values < 0, np.uint64(0) - wide, wide)
