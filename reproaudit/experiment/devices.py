"""One step on two devices: operator by operator, how far the results are apart, and where that
first is too far."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reproaudit.compare.align import align
from reproaudit.compare.elements import element_difference
from reproaudit.model.events import Location
from reproaudit.model.result import Difference, Tolerance
from reproaudit.report.wording import counted, difference_sentence, named

if TYPE_CHECKING:
    from reproaudit.record.operation.float_outputs import OpValue

_KEPT_BYTES = 1 << 29  # of results, per device
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


@dataclass(frozen=True, slots=True)
class OpDistance:
    """How far the results of one operator call are apart; `difference` None: their dtypes or shapes
    differ."""

    op: str
    location: Location | None
    dtype: str
    difference: Difference | None

    @property
    def is_close(self) -> bool:
        return self.difference is not None and (
            self.difference.differing == 0 or self.difference.within_tolerance
        )

    def __str__(self) -> str:
        where = f" at {self.location}" if self.location is not None else ""
        said = (
            "other dtypes or shapes"
            if self.difference is None
            else difference_sentence(self.difference)
        )
        return f"{named(self.op)}{where} ({self.dtype}): {said}"


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """A step on two devices. `far` are the calls whose results are further apart than the
    tolerance, in order.

    `compared` counts aligned calls with results that were kept, `unpaired` those that only one
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
        return self.far[0] if self.far else None

    @property
    def is_close(self) -> bool:
        """True if something was compared and nothing was too far apart."""
        return self.compared > 0 and not self.far

    def __str__(self) -> str:
        """Return some lines of text: what was compared, and the first calls that are too far apart."""
        a, b = self.devices
        counts = f"{counted(self.compared, 'operator call')} compared, {self.unpaired:,} made on one device only"
        kept = f", {self.dropped:,} not kept" if self.dropped else ""
        if not self.far:
            return f"{a} and {b} agree within the tolerance: {counts}{kept}"
        rest = len(self.far) - _MOST_SHOWN
        rows = [f"  {row}" for row in self.far[:_MOST_SHOWN]] + (
            [f"  … and {rest:,} more"] if rest > 0 else []
        )
        first = f"{a} and {b} first differ by more than the tolerance at {self.far[0].op}"
        return "\n".join([f"{first}; {counts}{kept}", *rows])


def compare_devices(
    step: Callable[..., Any],
    first: str,
    second: str,
    folder: Path,
    tolerances: Mapping[str, Tolerance] = CLOSE,
    seed: int | None = 0,
) -> DeviceComparison:
    """Call `step(device=…)` on both devices, from equal random streams, and compare every
    operator's results.

    The streams of different devices give different numbers for one seed: a step that is to be
    compared draws on the CPU and moves what it drew. Random streams and flags are as before when
    this returns.
    """
    from reproaudit.record.operation.float_outputs import OpValues
    from reproaudit.record.state.process_state import ProcessState, seed_streams

    state = ProcessState.capture()
    recorded = []
    for device in (first, second):
        values = OpValues(str(folder), _KEPT_BYTES)
        try:
            if seed is not None:
                seed_streams(seed)
            with values:
                step(device=device)
        finally:
            state.restore()
        recorded.append(values.found)
    return compare_values((first, second), recorded[0], recorded[1], tolerances)


def compare_values(
    devices: tuple[str, str],
    a: Sequence[OpValue],
    b: Sequence[OpValue],
    tolerances: Mapping[str, Tolerance],
) -> DeviceComparison:
    """Align two lists of calls by op and line and compare what the pairs wrote."""
    alignment = align(_keys(a), _keys(b))
    far: list[OpDistance] = []
    compared = dropped = 0
    for index_a, index_b in zip(alignment.pairs_a, alignment.pairs_b, strict=True):
        one, other = a[index_a], b[index_b]
        if one.values is None or other.values is None:
            dropped += 1
            continue
        compared += bool(one.values)
        far += [
            distance for distance in _distances(one, other, tolerances) if not distance.is_close
        ]
    unpaired = len(alignment.only_a) + len(alignment.only_b)
    return DeviceComparison(devices, compared, unpaired, dropped, tuple(far))


def _distances(
    one: OpValue, other: OpValue, tolerances: Mapping[str, Tolerance]
) -> Iterator[OpDistance]:
    assert one.values is not None
    assert other.values is not None
    for first, second in zip(one.values, other.values, strict=False):
        if (first.dtype, first.shape) != (second.dtype, second.shape):
            yield OpDistance(one.op, one.location, first.dtype, None)
            continue
        tolerance = tolerances.get(first.dtype, tolerances.get("*", Tolerance()))
        yield OpDistance(
            one.op, one.location, first.dtype, element_difference(first, second, tolerance)
        )


def _keys(calls: Sequence[OpValue]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    texts = (f"{call.op}\0{call.location}" for call in calls)
    digests = (hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
