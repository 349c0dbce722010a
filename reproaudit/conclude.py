"""From compared runs to an AuditResult: the divergence table, the headline, what was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reproaudit.compare.boundaries import BoundaryComparison, DivergentPairs, Pair, divergent_pairs
from reproaudit.compare.elements import element_difference
from reproaudit.compare.runs import Run
from reproaudit.compare.samples import same_samples, same_samples_across
from reproaudit.confidence import interval, rate_at_most
from reproaudit.criteria import Tolerances
from reproaudit.model import (
    Alert,
    AuditResult,
    Change,
    Comparison,
    Confidence,
    EventFlag,
    EventKind,
    Finding,
    NotChecked,
    Phase,
    RunSummary,
    TensorDivergence,
    Tolerance,
    Trial,
    Verdict,
    decide,
)
from reproaudit.trace.reader import Trace

_MAX_TABULATED = 200  # divergences whose elements are compared and that reach the result
_PASSES = {
    "data": "the data",
    "forward": "the forward pass",
    "backward": "the backward pass",
    "optimizer": "the optimizer",
}


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
    runs: Sequence[Run], comparison: BoundaryComparison, tolerances: Tolerances | Mapping[str, Tolerance]
) -> Judged:
    """Decide the verdict and tabulate what differs. A mapping of tolerances is from dtype names, and "*"."""
    tolerances = tolerances if isinstance(tolerances, Tolerances) else Tolerances(tolerances)
    notes = list(comparison.not_checked)
    rows: list[TensorDivergence] = []
    total, within, reordered = 0, False, False
    tables = dict(zip((run.index for run in runs), comparison.tables, strict=True))
    by_index = {run.index: run for run in runs}
    for other in comparison.classes[1:]:
        a, b = by_index[comparison.classes[0][0]], by_index[other[0]]
        pairs = divergent_pairs(tables[a.index], tables[b.index])
        found = [_row(a, b, pair, tolerances) for pair in pairs[: _MAX_TABULATED if not rows else _MAX_TABULATED * 10]]
        all_within = len(found) == len(pairs) and all(_is_within(row) for row in found if row.kind != "batch")
        within = all_within if not rows else within and all_within
        if not rows:
            rows, total = found, len(pairs)
            reordered = _is_reordered(a, b, pairs)
    if any(row.difference is None and not row.note for row in rows):
        notes.append(NotChecked("elements of some differing tensors", "their values were past the --values-mb budget"))
    verdict = decide(
        Comparison(tuple(run.outcome for run in runs), comparison.compared, comparison.classes, within and bool(rows))
    )
    first = next((row for row in rows if row.kind != "batch"), rows[0] if rows else None)
    return Judged(tuple(runs), comparison, verdict, tuple(rows[:_MAX_TABULATED]), total, first, tuple(notes), reordered)


def _is_within(row: TensorDivergence) -> bool:
    return row.difference is not None and row.difference.within_tolerance


def _row(a: Run, b: Run, pair: Pair, tolerances: Tolerances) -> TensorDivergence:
    runs = (a.index, b.index)
    if pair.event_a is None or pair.event_b is None:
        run = a if pair.event_b is None else b
        event = pair.event_a if pair.event_a is not None else pair.event_b
        assert event is not None
        kind, name, step, phase, tensor = _described(dict(run.traces)[pair.process], event)
        return TensorDivergence(kind, name, step, phase, runs, tensor, note=f"only in run {run.index}")
    trace_a, trace_b = dict(a.traces)[pair.process], dict(b.traces)[pair.process]
    kind, name, step, phase, tensor = _described(trace_a, pair.event_a)
    other = _described(trace_b, pair.event_b)[4]
    if other != tensor:
        return TensorDivergence(kind, name, step, phase, runs, tensor, note=f"{tensor} against {other}")
    values_a, values_b = trace_a.values(pair.event_a), trace_b.values(pair.event_b)
    if not values_a or not values_b or (values_a[0].dtype, values_a[0].shape) != (values_b[0].dtype, values_b[0].shape):
        return TensorDivergence(kind, name, step, phase, runs, tensor)
    tolerance = tolerances.of(EventKind[kind.upper()], name, values_a[0].dtype)
    difference = element_difference(values_a[0], values_b[0], tolerance)
    note = ""
    if kind == "batch" and values_a[0].shape and same_samples(values_a[0], values_b[0]):
        note = "the same samples in another order"
    return TensorDivergence(kind, name, step, phase, runs, tensor, difference, note)


def _described(trace: Trace, event: int) -> tuple[str, str, int, str, str]:
    row = trace.events[event]
    kind = EventKind(int(row["kind"])).name.lower()
    tensor = trace.strings[int(row["aux"])] if int(row["aux"]) < len(trace.strings) else ""
    return kind, trace.strings[row["name"]], int(row["step"]), Phase(int(row["phase"])).name.lower(), tensor


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


_HARMLESS = (
    "batches or outputs on the way to the loss differ between runs, without consequence for losses, gradients and "
    "parameters: undefined padding that a mask removes does this"
)
_HARMLESS_SO_FAR = (
    "batches or outputs on the way to the loss differ between runs, without consequence for those losses, gradients "
    "and parameters that are not ignored"
)


def headline(judged: Judged, findings: Sequence[Finding]) -> str:
    """Return the one sentence that answers: how many runs, how many distinct, and where they first differ."""
    runs, classes = len(judged.runs), len(judged.comparison.classes)
    if judged.verdict is Verdict.NOT_AUDITED and not judged.runs[0].outcome.is_success:
        outcome = judged.runs[0].outcome
        how = f"{outcome.kind.value}: {outcome.detail}" if outcome.detail else outcome.kind.value
        return (
            f"each of {runs} runs failed ({how}); until then they were equal, {judged.comparison.compared} tensors each"
        )
    if judged.verdict in (Verdict.REPRODUCIBLE, Verdict.NOT_AUDITED):
        counts = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in judged.comparison.counts if count)
        return f"{runs} runs are bitwise equal: {counts or 'nothing was compared'}"
    start = f"{runs} runs, {classes} distinct"
    kinds = {(run.outcome.kind, run.outcome.code) for run in judged.runs}
    if len(kinds) > 1:
        start += ", and they end differently"
    if findings:
        found = findings[0]
        where = f" at {found.op}" if found.op else ""
        line = f", {found.location}" if found.location else ""
        return f"{start}; first differs in {_PASSES.get(found.phase, found.phase)} of step {found.step}{where}{line}"
    if judged.first is not None:
        row = judged.first
        return f"{start}; first seen in {row.kind} {row.name} of step {row.step}"
    return start


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else f"{kind}es" if kind.endswith("ch") else f"{kind}s"


def confidence(class_sizes: Sequence[int], level: float, *, is_equal: bool) -> Confidence:
    """Bound the rate at which a run differs from the first one; estimate it where some do."""
    runs = sum(class_sizes)
    if is_equal or runs < 2 or len(class_sizes) < 2:
        return Confidence(level, rate_at_most(level, runs) if is_equal else None)
    differing = runs - class_sizes[0]
    low, high = interval(level, differing, runs - 1)
    return Confidence(level, None, differing / (runs - 1), (low, high))


def collect_alerts(trace: Trace) -> tuple[Alert, ...]:
    """Return the refused ops of an alert run, one per op and line, in order of first occurrence."""
    counts: Counter[tuple[str, str, str, str, int]] = Counter()
    refused = (trace.events["kind"] == EventKind.ALERT) & ((trace.events["flags"] & EventFlag.RACED) == 0)
    for row in trace.events[refused]:
        phase = Phase(int(row["phase"])).name.lower()
        counts[
            trace.strings[row["name"]].removesuffix(".default"), trace.strings[int(row["aux"])], phase,
            trace.strings[row["module"]], int(row["location"]),
        ] += 1  # fmt: skip
    return tuple(
        Alert(op, message, phase, module, trace.locations[place] if trace.locations[place].line else None, count)
        for (op, message, phase, module, place), count in counts.items()
    )


def collect_changes(run: Run) -> tuple[Change, ...]:
    trace = run.main
    return tuple(
        Change(row["what"], row["before"], row["after"], trace.locations[row["location"]] if row["location"] else None)
        for row in trace.header["changes"]
    )


def summarise(run: Run) -> RunSummary:
    return RunSummary(run.index, run.outcome, run.steps, run.events, run.main.level)


def _comparison_warnings(comparison: BoundaryComparison) -> tuple[str, ...]:
    if not comparison.has_harmless_differences:
        return comparison.warnings
    return (_HARMLESS_SO_FAR if comparison.ignored else _HARMLESS, *comparison.warnings)


def conclude(
    judged: Judged, findings: tuple[Finding, ...], alerts: tuple[Alert, ...], *, notes: Sequence[NotChecked],
    settings: tuple[tuple[str, str], ...], subject: str, next_commands: tuple[str, ...], level: float = 0.95,
    trials: tuple[Trial, ...] = (), is_complete: bool | None = None, warnings: Sequence[str] = (), runs_made: int = 0,
    reproducer: str = "", folder: str = "",
) -> AuditResult:  # fmt: skip
    """Put together everything that was found out."""
    runs = judged.runs
    return AuditResult(
        verdict=judged.verdict,
        headline=headline(judged, findings),
        subject=subject,
        runs=tuple(summarise(run) for run in runs),
        classes=judged.comparison.classes,
        steps=min(run.steps for run in runs),
        confidence=confidence(
            [len(group) for group in judged.comparison.classes],
            level,
            is_equal=judged.verdict is Verdict.REPRODUCIBLE,
        ),
        findings=findings,
        divergences=judged.divergences,
        divergences_total=judged.divergences_total,
        alerts=alerts,
        warnings=(*_comparison_warnings(judged.comparison), *warnings),
        changes=collect_changes(runs[0]),
        not_checked=tuple(dict.fromkeys([*judged.not_checked, *runs[0].main.notes, *notes])),
        compared=judged.comparison.counts,
        settings=settings,
        environment=tuple(runs[0].main.header["environment"].items()),
        next_commands=next_commands,
        is_complete=is_complete,
        trials=trials,
        runs_made=runs_made or len(runs),
        reproducer=reproducer,
        folder=folder,
    )
