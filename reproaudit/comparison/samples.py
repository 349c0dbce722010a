"""Whether two batches, or two sequences of batches, hold the same samples, in whatever order."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from reproaudit.comparison.elements import TensorContent, content_bytes

Array = npt.NDArray[Any]
SampleForm = tuple[str, tuple[int, ...]]  # dtype and shape of one sample

CHUNK_ROWS = 1 << 16
SHORT_ROW_BYTES = 64  # below this a call per row costs more than mixing the rows column by column
WORD_BYTES = 8
LANE_SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
MODULUS = 1 << 128


def same_samples(a: TensorContent, b: TensorContent) -> bool:
    """Return True if the rows along dimension 0 are the same multiset of bytes.

    This holds for equal batches too. Judged by the count of the rows and the sum of their 128-bit
    digests. A tensor without dimensions is one sample.
    """
    return same_samples_across([a], [b])


def same_samples_across(a: Iterable[TensorContent], b: Iterable[TensorContent]) -> bool:
    """Return True if two sequences of batches hold the same samples in all.

    So do two epochs that were batched in another order, or in other sizes.
    """
    return _count_and_sum(a) == _count_and_sum(b)


def _count_and_sum(batches: Iterable[TensorContent]) -> dict[SampleForm, tuple[int, int]]:
    """Return the count and the digest sum of the samples of each form.

    A sum, because it does not depend on the order of its terms.
    """
    totals: dict[SampleForm, tuple[int, int]] = {}
    for batch in batches:
        rows = batch.shape[0] if batch.shape else 1
        if rows == 0:
            continue
        form = (batch.dtype, tuple(batch.shape[1:]))
        count, total = totals.get(form, (0, 0))
        total += _sum_digests(batch, rows)
        totals[form] = (count + rows, total % MODULUS)
    return totals


def _sum_digests(batch: TensorContent, rows: int) -> int:
    content = content_bytes(batch)
    row_bytes, rest = divmod(content.size, rows)
    if rest:
        raise ValueError(f"{content.size} bytes cannot hold {rows} samples of equal size")
    content = content.reshape(rows, row_bytes)
    if row_bytes > SHORT_ROW_BYTES:
        return sum(xxhash.xxh3_128_intdigest(row.data) for row in content)
    total = 0
    for start in range(0, rows, CHUNK_ROWS):
        total += _sum_short_digests(content[start : start + CHUNK_ROWS])
    return total


def _sum_short_digests(content: Array) -> int:
    rows, row_bytes = content.shape
    words = math.ceil(row_bytes / WORD_BYTES)
    padded = np.zeros((rows, words * WORD_BYTES), np.uint8)
    padded[:, :row_bytes] = content
    columns = padded.view("<u8").T
    low, high = (_sum_lane(columns, np.uint64(seed)) for seed in LANE_SEEDS)
    return (high << 64) + low


def _sum_lane(columns: Array, seed: np.uint64) -> int:
    """Return the sum over rows of a 64-bit digest of each row.

    Each word is added to the digest, which is mixed with the finaliser of SplitMix64.
    """
    state = np.full(columns.shape[1], seed, np.uint64)
    for column in columns:
        state += column
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state ^= state >> np.uint64(shift)
            state *= np.uint64(factor)
        state ^= state >> np.uint64(31)
        state += seed
    # Summed in halves, so that nothing wraps: the carry of the low lane belongs to the high one,
    # however rows are batched.
    upper = state >> np.uint64(32)
    lower = state & np.uint64(0xFFFFFFFF)
    return (int(upper.sum(dtype=np.uint64)) << 32) + int(lower.sum(dtype=np.uint64))
