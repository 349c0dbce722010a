"""From compared runs to the verdict, and the table of what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reproaudit.compare.boundaries import BoundaryComparison, DivergentPairs, Pair, divergent_pairs
from reproaudit.compare.elements import element_difference
from reproaudit.compare.samples import same_samples, same_samples_across
from reproaudit.config.tolerance import Tolerances
from reproaudit.model.events import EventKind, NotChecked, Phase, Unchecked
from reproaudit.model.result import (
    TensorDivergence,
    Tolerance,
)
from reproaudit.model.verdict import Comparison, Verdict, decide
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

_MAX_TABULATED = 200  # divergences whose elements are compared and that reach the result


@dataclass(frozen=True, slots=True)
class Judged:
    """The runs, how they compare, and the divergence table of two runs that stand for two classes."""

    runs: tuple[Run, ...]
    comparison: BoundaryComparison
    verdict: Verdict
    divergences: tuple[TensorDivergence, ...]
    divergences_total: int
    first: TensorDivergence | None
    not_checked: tuple[NotChecked, ...]
    same_samples_reordered: bool

    @property
    def representatives(self) -> tuple[Run, Run] | None:
        """One run of the first class and one of the second; None if there is one class only."""
        classes = self.comparison.classes
        if len(classes) < 2:
            return None
        by_index = {run.index: run for run in self.runs}
        return by_index[classes[0][0]], by_index[classes[1][0]]


def judge(
    runs: Sequence[Run],
    comparison: BoundaryComparison,
    tolerances: Tolerances | Mapping[str, Tolerance],
) -> Judged:
    """Decide the verdict and tabulate what differs. A mapping of tolerances is from dtype names,
    and "*"."""
    tolerances = tolerances if isinstance(tolerances, Tolerances) else Tolerances(tolerances)
    notes = list(comparison.not_checked)
    rows: list[TensorDivergence] = []
    total, within, reordered = 0, False, False
    tables = dict(zip((run.index for run in runs), comparison.tables, strict=True))
    by_index = {run.index: run for run in runs}
    for other in comparison.classes[1:]:
        a, b = by_index[comparison.classes[0][0]], by_index[other[0]]
        pairs = divergent_pairs(tables[a.index], tables[b.index])
        found = [
            _row(a, b, pair, tolerances)
            for pair in pairs[: _MAX_TABULATED if not rows else _MAX_TABULATED * 10]
        ]
        all_within = len(found) == len(pairs) and all(
            _is_within(row) for row in found if row.kind is not EventKind.BATCH
        )
        within = all_within if not rows else within and all_within
        if not rows:
            rows, total = found, len(pairs)
            reordered = _is_reordered(a, b, pairs)
    if any(row.lacks_values for row in rows):
        notes.append(
            NotChecked(
                Unchecked.VALUES_NOT_KEPT,
                "elements of some differing tensors",
                "their values were past the --values-mb budget",
            )
        )
    verdict = decide(
        Comparison(
            tuple(run.outcome for run in runs),
            comparison.compared,
            comparison.classes,
            within and bool(rows),
        )
    )
    first = next(
        (row for row in rows if row.kind is not EventKind.BATCH), rows[0] if rows else None
    )
    return Judged(
        tuple(runs),
        comparison,
        verdict,
        tuple(rows[:_MAX_TABULATED]),
        total,
        first,
        tuple(notes),
        reordered,
    )


def _is_within(row: TensorDivergence) -> bool:
    return row.difference is not None and row.difference.within_tolerance


def _row(a: Run, b: Run, pair: Pair, tolerances: Tolerances) -> TensorDivergence:
    runs = (a.index, b.index)
    if pair.event_a is None or pair.event_b is None:
        run = a if pair.event_b is None else b
        event = pair.event_a if pair.event_a is not None else pair.event_b
        assert event is not None
        kind, name, step, phase, tensor = _described(dict(run.traces)[pair.process], event)
        return TensorDivergence(kind, name, step, phase, runs, tensor, only_in=run.index)
    trace_a, trace_b = dict(a.traces)[pair.process], dict(b.traces)[pair.process]
    kind, name, step, phase, tensor = _described(trace_a, pair.event_a)
    other = _described(trace_b, pair.event_b)[4]
    if other != tensor:
        return TensorDivergence(kind, name, step, phase, runs, tensor, other_tensor=other)
    values_a, values_b = trace_a.values(pair.event_a), trace_b.values(pair.event_b)
    if (
        not values_a
        or not values_b
        or (values_a[0].dtype, values_a[0].shape) != (values_b[0].dtype, values_b[0].shape)
    ):
        return TensorDivergence(kind, name, step, phase, runs, tensor)
    tolerance = tolerances.of(kind, name, values_a[0].dtype)
    difference = element_difference(values_a[0], values_b[0], tolerance)
    has_samples = kind is EventKind.BATCH and bool(values_a[0].shape)
    return TensorDivergence(
        kind=kind,
        name=name,
        step=step,
        phase=phase,
        runs=runs,
        tensor=tensor,
        difference=difference,
        is_reordered=has_samples and same_samples(values_a[0], values_b[0]),
    )


def _described(trace: Trace, event: int) -> tuple[EventKind, str, int, Phase, str]:
    row = trace.events[event]
    tensor = trace.strings[int(row["aux"])] if int(row["aux"]) < len(trace.strings) else ""
    return (
        EventKind(int(row["kind"])),
        trace.strings[row["name"]],
        int(row["step"]),
        Phase(int(row["phase"])),
        tensor,
    )


def _is_reordered(a: Run, b: Run, pairs: DivergentPairs) -> bool:
    """True if the batches that differ hold, over all of them, the same samples in another order."""
    first, second = [], []
    for pair in pairs.of_kind(EventKind.BATCH):
        assert pair.event_a is not None
        assert pair.event_b is not None
        trace_a, trace_b = dict(a.traces)[pair.process], dict(b.traces)[pair.process]
        values_a, values_b = trace_a.values(pair.event_a), trace_b.values(pair.event_b)
        if not values_a or not values_b:
            return False
        first.append(values_a[0])
        second.append(values_b[0])
    return bool(first) and same_samples_across(first, second)
