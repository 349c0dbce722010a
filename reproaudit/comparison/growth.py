"""How the tensors of two runs part over the steps: all of them, by their digests, and how far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.divergent_pairs import Pair
from reproaudit.comparison.elements import FLOATS, element_difference
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.tables import Table
from reproaudit.comparison.tensor_stream import TensorStream, read_tensor_stream
from reproaudit.model.difference import Difference
from reproaudit.model.growth import (
    DIFFERS,
    EQUAL,
    NAN,
    NO_ULP,
    UNLIKE,
    Distances,
    Growth,
    code_of_ulp,
)
from reproaudit.model.packed import Packed, pack
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.values import TensorValue

MOST_CELLS = 4_000_000
MOST_COMPARED = 20_000  # pairs of tensors, of which the smallest takes 0.1 ms
MOST_ELEMENTS = 4_000_000  # in them, of which each takes 0.1 us
_MOST_HISTOGRAM_ROWS = 500
_SHOWN_BEFORE = 10  # of the steps that fit, the part that is before the first difference

_Numbers = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]
Known = Mapping[Pair, Difference]


def measure_growth(
    runs: tuple[Run, Run],
    tables: tuple[Table, Table],
    interned: Interned,
    known: Known | None = None,
) -> Growth | None:
    """Return where and when the tensors of two runs differ, and how far; None if none does.

    `known` are pairs that were compared element by element already.
    """
    stream = read_tensor_stream(runs, tables, interned)
    if not (stream.codes > EQUAL).any():
        return None
    grid = _Grid.fit(stream)
    measured = _measure(runs, stream, grid, known or {})
    return grid.fill(runs, stream, measured)


@dataclass(frozen=True, slots=True)
class _Measured:
    """One pair that was compared element by element."""

    at: int  # of the grid
    code: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class _Grid:
    """The tensors and steps that fit: a cell is row * steps + column."""

    tensors: int
    first_step: int
    steps: int
    left_out_steps: int
    left_out_tensors: int

    @classmethod
    def fit(cls, stream: TensorStream) -> _Grid:
        """Return as much as fits, so that it has the first difference, and some steps before."""
        known = int(stream.tensors.max()) + 1
        tensors = min(known, len(stream.names))
        begin = int(stream.steps.min())
        end = int(stream.steps.max()) + 1
        fitting = max(MOST_CELLS // tensors, 1)
        first = begin
        if end - begin > fitting:
            parts = int(stream.steps[stream.codes > EQUAL].min())
            first = min(max(parts - fitting // _SHOWN_BEFORE, begin), end - fitting)
        steps = min(end - begin, fitting)
        return cls(
            tensors=tensors,
            first_step=first,
            steps=steps,
            left_out_steps=end - begin - steps,
            left_out_tensors=known - tensors,
        )

    def find_inside(self, stream: TensorStream) -> _Marks:
        columns = stream.steps - self.first_step
        inside: _Marks = (columns >= 0) & (columns < self.steps)
        inside &= stream.tensors < self.tensors
        return inside

    def locate(self, stream: TensorStream, chosen: _Numbers) -> _Numbers:
        """Return the cells of items that are inside."""
        cells: _Numbers = stream.tensors[chosen] * self.steps
        return cells + (stream.steps[chosen] - self.first_step)

    def fill(
        self, runs: tuple[Run, Run], stream: TensorStream, measured: tuple[list[_Measured], int]
    ) -> Growth:
        found, not_compared = measured
        cells = np.zeros(self.tensors * self.steps, dtype=np.uint8)
        inside = self.find_inside(stream)
        for code in (EQUAL, DIFFERS, UNLIKE):  # the largest last, where a cell has several
            chosen = np.flatnonzero(inside & (stream.codes == code))
            cells[self.locate(stream, chosen)] = code
        best: dict[int, _Measured] = {}
        for one in found:
            if one.at not in best or one.code > best[one.at].code:
                best[one.at] = one
        exact = [best[at] for at in sorted(best)]
        at = np.array([one.at for one in exact], dtype=np.int64)
        cells[at] = [one.code for one in exact]
        return Growth(
            runs=(runs[0].index, runs[1].index),
            tensors=stream.names[: self.tensors],
            first_step=self.first_step,
            steps=self.steps,
            cells=_pack("|u1", cells),
            at=_pack("<u4", at),
            differing=_pack("<u4", [one.difference.differing for one in exact]),
            max_ulp=_pack("<f8", [float(one.difference.max_ulp or 0) for one in exact]),
            max_abs=_pack("<f4", [_read_max_abs(one.difference) for one in exact]),
            histograms=tuple(self._choose_histograms(exact)),
            not_compared=not_compared,
            left_out_steps=self.left_out_steps,
            left_out_tensors=self.left_out_tensors,
        )

    def _choose_histograms(self, exact: Sequence[_Measured]) -> Iterator[Distances]:
        """Yield those of the first and the last cell of a row. `exact` are in rising order."""
        of_row: dict[int, list[_Measured]] = {}
        for one in exact:
            if one.difference.ulp_histogram:
                of_row.setdefault(one.at // self.steps, []).append(one)
        for row in list(of_row)[:_MOST_HISTOGRAM_ROWS]:
            for one in dict.fromkeys((of_row[row][0], of_row[row][-1])):
                step = self.first_step + one.at % self.steps
                yield Distances(row, step, one.difference.ulp_histogram)


def _read_max_abs(difference: Difference) -> float:
    return float("nan") if difference.max_abs is None else float(difference.max_abs)


def _pack(dtype: str, values: npt.ArrayLike) -> Packed:
    with np.errstate(over="ignore"):  # a float32 that is too small for it is infinite
        return pack(dtype, np.asarray(values).astype(dtype).tobytes())


# -- element by element


def _measure(
    runs: tuple[Run, Run], stream: TensorStream, grid: _Grid, known: Known
) -> tuple[list[_Measured], int]:
    """Compare pairs whose values were kept; return also how many were too many."""
    chosen = np.flatnonzero(stream.is_kept & grid.find_inside(stream))
    chosen = chosen[np.argsort(stream.steps[chosen], kind="stable")]
    cells = grid.locate(stream, chosen)
    traces_a, traces_b = (dict(run.traces) for run in runs)
    found: list[_Measured] = []
    compared = elements = left_out = 0
    for at in _order_by_worth(len(chosen)):
        item = int(chosen[at])
        process = stream.labels[stream.processes[item]]
        pair = Pair(process, int(stream.events_a[item]), int(stream.events_b[item]))
        difference = known.get(pair)
        if difference is None:
            if compared == MOST_COMPARED or elements >= MOST_ELEMENTS:
                left_out += 1
                continue
            a = _read_value(traces_a[process], pair.event_a)
            b = _read_value(traces_b[process], pair.event_b)
            if a is None or b is None or (a.dtype, a.shape) != (b.dtype, b.shape):
                continue
            difference = element_difference(a, b)
            compared += 1
            elements += difference.elements
        code = _code(difference, stream.names[stream.tensors[item]].tensor)
        found.append(_Measured(int(cells[at]), code, difference))
    return found, left_out


def _order_by_worth(count: int) -> list[int]:
    """Order the numbers below `count`: the first ones, then the others from coarse to fine, so that
    wherever it is broken off they are spread evenly."""
    first = min(count, MOST_COMPARED // 2)
    rest = np.arange(count - first)
    lowest_bit = rest & -rest
    lowest_bit[:1] = count  # 0 has none
    return [*range(first), *(first + np.argsort(-lowest_bit, kind="stable")).tolist()]


def _read_value(trace: Trace, event: int | None) -> TensorValue | None:
    values = () if event is None else trace.values(event)
    return values[0] if values else None


def _code(difference: Difference, tensor: str) -> int:
    if difference.max_ulp is not None:
        return code_of_ulp(max(difference.max_ulp, 1))
    # Of a dtype that has ULPs no two numbers differ.
    return NAN if tensor.partition("[")[0] in FLOATS else NO_ULP
