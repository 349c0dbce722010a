"""Compares one step on two devices: how far the results of each operator are apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from reproaudit.comparison.align import align
from reproaudit.comparison.elements import element_difference
from reproaudit.config.tolerance import Tolerance
from reproaudit.model.difference import Difference
from reproaudit.model.events import Location
from reproaudit.report.wording import show_count, show_name, word_difference
from reproaudit.trace.values import TensorValue

_MOST_SHOWN = 10
# What PyTorch itself calls close, by dtype: the defaults of torch.testing.assert_close.
CLOSE: Mapping[str, Tolerance] = {
    "float16": Tolerance(rtol=1e-3, atol=1e-5),
    "bfloat16": Tolerance(rtol=1.6e-2, atol=1e-5),
    "float32": Tolerance(rtol=1.3e-6, atol=1e-5),
    "float64": Tolerance(rtol=1e-7, atol=1e-7),
    "complex64": Tolerance(rtol=1.3e-6, atol=1e-5),
    "complex128": Tolerance(rtol=1e-7, atol=1e-7),
}


class OpResult(Protocol):
    """One operator call on one device. `values` None: they were not kept, to save memory."""

    @property
    def op(self) -> str: ...

    @property
    def location(self) -> Location | None: ...

    @property
    def values(self) -> tuple[TensorValue, ...] | None: ...


@dataclass(frozen=True, slots=True)
class OpDistance:
    """How far the results of one operator call are apart.

    `difference` None: their dtypes or shapes differ.
    """

    op: str
    location: Location | None
    dtype: str
    difference: Difference | None

    @property
    def is_close(self) -> bool:
        difference = self.difference
        if difference is None:
            return False
        return difference.differing == 0 or difference.within_tolerance

    def __str__(self) -> str:
        where = ""
        if self.location is not None:
            where = f" at {self.location}"
        distance = "other dtypes or shapes"
        if self.difference is not None:
            distance = word_difference(self.difference)
        op = show_name(self.op)
        return f"{op}{where} ({self.dtype}): {distance}"


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """A step on two devices.

    `far` are the calls whose results are further apart than the tolerance, in order. `compared`
    counts aligned calls with results that were kept, `unpaired` those that only one
    device made (fused or foreach kernels, for example), `dropped` those past the memory that is
    kept.
    """

    devices: tuple[str, str]
    compared: int
    unpaired: int
    dropped: int
    far: tuple[OpDistance, ...]

    @property
    def first(self) -> OpDistance | None:
        """The op where the distance first grows past the tolerance."""
        if not self.far:
            return None
        return self.far[0]

    @property
    def is_close(self) -> bool:
        """True if something was compared and nothing was too far apart."""
        return self.compared > 0 and not self.far

    def __str__(self) -> str:
        """Return lines of text: what was compared, and the first calls that are too far apart."""
        first, second = self.devices
        calls = show_count(self.compared, "operator call")
        counts = f"{calls} compared, {self.unpaired:,} made on one device only"
        if self.dropped:
            counts += f", {self.dropped:,} not kept"
        if not self.far:
            return f"{first} and {second} agree within the tolerance: {counts}"
        where = self.far[0].op
        lines = [
            f"{first} and {second} first differ by more than the tolerance at {where}; {counts}"
        ]
        for distance in self.far[:_MOST_SHOWN]:
            lines.append(f"  {distance}")
        rest = len(self.far) - _MOST_SHOWN
        if rest > 0:
            lines.append(f"  … and {rest:,} more")
        return "\n".join(lines)


def compare_results(
    devices: tuple[str, str],
    a: Sequence[OpResult],
    b: Sequence[OpResult],
    tolerances: Mapping[str, Tolerance] = CLOSE,
) -> DeviceComparison:
    """Align the calls of both devices by op and line, and compare what each pair wrote.

    Both steps are expected to have started from equal random streams. The streams of different
    devices give different numbers for one seed: a step that is to be compared draws on the CPU and
    moves what it drew.
    """
    # Not by position: an op that one device alone runs would shift all that follow.
    alignment = align(_digest_keys(a), _digest_keys(b))
    far: list[OpDistance] = []
    compared = 0
    dropped = 0
    for index_a, index_b in zip(alignment.pairs_a, alignment.pairs_b, strict=True):
        one = a[index_a]
        other = b[index_b]
        if one.values is None or other.values is None:
            dropped += 1
            continue
        # A call that wrote no tensor has nothing to compare, and must not count as if it agreed.
        if one.values:
            compared += 1
        for distance in _measure_distances(one, other, tolerances):
            if not distance.is_close:
                far.append(distance)
    return DeviceComparison(
        devices=devices,
        compared=compared,
        unpaired=len(alignment.only_a) + len(alignment.only_b),
        dropped=dropped,
        far=tuple(far),
    )


def _measure_distances(
    one: OpResult,
    other: OpResult,
    tolerances: Mapping[str, Tolerance],
) -> Iterator[OpDistance]:
    assert one.values is not None
    assert other.values is not None
    for_others = tolerances.get("*", Tolerance())
    # Not strict: an op may return one tensor more on one device, as a workspace of cuDNN.
    for first, second in zip(one.values, other.values, strict=False):
        difference = None
        is_same_kind = first.dtype == second.dtype and first.shape == second.shape
        # Elements of other dtypes or shapes have no distance.
        if is_same_kind:
            tolerance = tolerances.get(first.dtype, for_others)
            difference = element_difference(first, second, tolerance)
        yield OpDistance(
            op=one.op,
            location=one.location,
            dtype=first.dtype,
            difference=difference,
        )


def _digest_keys(calls: Sequence[OpResult]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return a number for each call by which calls are aligned: of its op and its line."""
    digests = []
    for call in calls:
        # A NUL is in no name, so no two calls give one text by chance.
        text = f"{call.op}\0{call.location}"
        digest = hashlib.blake2b(text.encode(), digest_size=8)
        digests.append(digest.digest())
    joined = b"".join(digests)
    return np.frombuffer(joined, dtype=np.uint64)
