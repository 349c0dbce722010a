"""From compared runs to the verdict, and the table of what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from reproaudit.comparison.boundaries import BoundaryComparison
from reproaudit.comparison.divergent_pairs import DivergentPairs, Pair, divergent_pairs
from reproaudit.comparison.elements import element_difference
from reproaudit.comparison.identity import is_only_position
from reproaudit.comparison.samples import same_samples, same_samples_across
from reproaudit.config.tolerance import Tolerance, Tolerances
from reproaudit.model.difference import Difference
from reproaudit.model.events import EventKind, NotChecked, Unchecked
from reproaudit.model.result import TensorDivergence
from reproaudit.model.verdict import Comparison, Verdict, decide
from reproaudit.trace.runs import Run
from reproaudit.trace.views import TensorEvent

MOST_SHOWN = 200  # divergences that reach the result; what is judged has no limit


@dataclass(frozen=True, slots=True)
class Judged:
    """The runs, how they compare, and what differs between two that stand for two classes."""

    runs: tuple[Run, ...]
    comparison: BoundaryComparison
    verdict: Verdict
    divergences: tuple[TensorDivergence, ...]
    divergences_total: int
    first: TensorDivergence | None
    not_checked: tuple[NotChecked, ...]
    same_samples_reordered: bool
    # of the representatives, what was compared element by element
    measured: Mapping[Pair, Difference] = field(default_factory=dict)

    @property
    def representatives(self) -> tuple[Run, Run] | None:
        """One run of the first class and one of the second; None if there is one class only."""
        classes = self.comparison.classes
        if len(classes) < 2:
            return None
        by_index = {run.index: run for run in self.runs}
        return by_index[classes[0][0]], by_index[classes[1][0]]


@dataclass(frozen=True, slots=True)
class _PairOfRuns:
    """Two runs that stand for two classes, what differs between them, and what counts as equal."""

    a: Run
    b: Run
    differing: DivergentPairs
    tolerances: Tolerances

    @property
    def differs_for_certain(self) -> bool:
        """True unless all that differs is what one of two runs does not have, and may have lost."""
        if not self.a.lacks_events and not self.b.lacks_events:
            return True
        differing = self.differing.without_kind(EventKind.BATCH)
        return bool(((differing.events_a >= 0) & (differing.events_b >= 0)).any())

    def describe(self, pairs: Iterable[Pair]) -> Iterator[TensorDivergence]:
        """Compare the pairs element by element, one at a time when it is asked for."""
        for pair in pairs:
            yield _describe_pair(self.a, self.b, pair, self.tolerances)

    def part_strangers(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs; two parameters that have but a position in common are two of them."""
        for pair in pairs:
            if self._are_strangers(pair):
                yield replace(pair, event_b=None)
                yield replace(pair, event_a=None)
            else:
                yield pair

    def _are_strangers(self, pair: Pair) -> bool:
        if pair.event_a is None or pair.event_b is None:
            return False
        event_a = self.a.trace_of(pair.process).tensor(pair.event_a)
        if not is_only_position(event_a.name):
            return False
        return event_a.tensor != self.b.trace_of(pair.process).tensor(pair.event_b).tensor

    def find_outside_tolerance(
        self, described: Sequence[TensorDivergence] = ()
    ) -> TensorDivergence | None:
        """Return a tensor that is not within tolerance; None if all that differ are.

        All of them are judged, however many are shown. `described` are the first ones, which are
        not compared again. Batches decide nothing.
        """
        rest = self.differing[len(described) :].without_kind(EventKind.BATCH)
        for divergence in chain(described, self.describe(rest)):
            if divergence.kind is not EventKind.BATCH and not _is_within(divergence):
                return divergence
        return None


def judge(
    runs: Sequence[Run],
    comparison: BoundaryComparison,
    tolerances: Tolerances | Mapping[str, Tolerance],
) -> Judged:
    """Decide the verdict and tabulate what differs. A mapping of tolerances is from dtype names,
    and "*"."""
    tolerances = tolerances if isinstance(tolerances, Tolerances) else Tolerances(tolerances)
    # Made anew where they are asked for: of a thousand classes a pair at a time is in memory.
    pair_classes = partial(_pair_classes, runs, comparison, tolerances)
    is_cut = any(run.lacks_events for run in runs)
    is_cut &= not any(pair.differs_for_certain for pair in pair_classes())
    if is_cut:
        # What is known is that nothing differs as far as all traces go.
        comparison = replace(comparison, classes=())
        pair_classes = partial(iter, ())
    first_pair = next(pair_classes(), None)
    shown_pairs: list[Pair] = []
    shown: list[TensorDivergence] = []
    if first_pair is not None:
        shown_pairs = list(first_pair.part_strangers(first_pair.differing[:MOST_SHOWN]))
        shown = list(first_pair.describe(shown_pairs))
        shown = _number_within_step(first_pair, shown_pairs, shown)
    outside = _find_outside_tolerance(pair_classes(), shown)
    verdict = decide(
        Comparison(
            outcomes=tuple(run.outcome for run in runs),
            compared=comparison.compared,
            classes=comparison.classes,
            within_tolerance=bool(shown) and outside is None,
            is_cut=is_cut,
        )
    )
    notes = list(comparison.not_checked)
    lacking = [divergence for divergence in (*shown, outside) if divergence is not None]
    if any(divergence.lacks_values for divergence in lacking):
        notes.append(
            NotChecked(
                Unchecked.VALUES_NOT_KEPT,
                "elements of some differing tensors",
                "their values were past the --values-mb budget",
            )
        )
    return Judged(
        runs=tuple(runs),
        comparison=comparison,
        verdict=verdict,
        divergences=tuple(shown),
        divergences_total=len(first_pair.differing) if first_pair else 0,
        first=_choose_first(shown),
        not_checked=tuple(notes),
        same_samples_reordered=first_pair is not None and _is_reordered(first_pair),
        measured={
            pair: divergence.difference
            for pair, divergence in zip(shown_pairs, shown, strict=True)
            if divergence.difference is not None
        },
    )


def _pair_classes(
    runs: Sequence[Run], comparison: BoundaryComparison, tolerances: Tolerances
) -> Iterator[_PairOfRuns]:
    """Yield the first class paired with each other one: a run of each stands for its class."""
    tables = comparison.tables
    positions = {run.index: position for position, run in enumerate(runs)}
    for other in comparison.classes[1:]:
        at_a = positions[comparison.classes[0][0]]
        at_b = positions[other[0]]
        a, b = runs[at_a], runs[at_b]
        differing = divergent_pairs(tables[at_a], tables[at_b])
        if len(differing):
            yield _PairOfRuns(a, b, differing, tolerances)


def _find_outside_tolerance(
    pairs: Iterable[_PairOfRuns], shown: Sequence[TensorDivergence]
) -> TensorDivergence | None:
    """Return a tensor of any two classes that is not within tolerance; `shown` are of the first
    pair."""
    for number, pair in enumerate(pairs):
        outside = pair.find_outside_tolerance(() if number else shown)
        if outside is not None:
            return outside
    return None


def _choose_first(shown: Sequence[TensorDivergence]) -> TensorDivergence | None:
    """Return the first divergence that is no batch, which decides nothing; else the first one."""
    for divergence in shown:
        if divergence.kind is not EventKind.BATCH:
            return divergence
    return shown[0] if shown else None


def _is_within(divergence: TensorDivergence) -> bool:
    return divergence.difference is not None and divergence.difference.within_tolerance


def _describe_pair(a: Run, b: Run, pair: Pair, tolerances: Tolerances) -> TensorDivergence:
    """Say what differs between two tensors, and by how much where their values were kept."""
    runs = (a.index, b.index)
    if pair.event_b is None:
        assert pair.event_a is not None
        event = a.trace_of(pair.process).tensor(pair.event_a)
        return _start_divergence(event, runs, only_in=a.index)
    trace_b = b.trace_of(pair.process)
    event_b = trace_b.tensor(pair.event_b)
    if pair.event_a is None:
        return _start_divergence(event_b, runs, only_in=b.index)
    trace_a = a.trace_of(pair.process)
    event_a = trace_a.tensor(pair.event_a)
    divergence = _start_divergence(event_a, runs)
    if event_a.tensor != event_b.tensor:
        return replace(divergence, other_tensor=event_b.tensor)
    values_a = trace_a.values(event_a.number)
    values_b = trace_b.values(event_b.number)
    if not values_a or not values_b:
        return divergence
    value_a, value_b = values_a[0], values_b[0]
    if (value_a.dtype, value_a.shape) != (value_b.dtype, value_b.shape):
        return divergence
    tolerance = tolerances.of(event_a.kind, event_a.name, value_a.dtype)
    has_samples = event_a.kind is EventKind.BATCH and bool(value_a.shape)
    return replace(
        divergence,
        difference=element_difference(value_a, value_b, tolerance),
        is_reordered=has_samples and same_samples(value_a, value_b),
    )


def _start_divergence(
    event: TensorEvent, runs: tuple[int, int], *, only_in: int | None = None
) -> TensorDivergence:
    return TensorDivergence(
        kind=event.kind,
        name=event.name,
        step=event.step,
        phase=event.phase,
        runs=runs,
        tensor=event.tensor,
        only_in=only_in,
    )


def _number_within_step(
    both: _PairOfRuns, pairs: Sequence[Pair], shown: Sequence[TensorDivergence]
) -> list[TensorDivergence]:
    """Return the divergences that are shown, each with which of its step's it is of that name."""
    numbered = []
    for one, divergence in zip(pairs, shown, strict=True):
        run, number = (both.a, one.event_a) if one.event_a is not None else (both.b, one.event_b)
        assert number is not None
        columns = run.trace_of(one.process).columns
        before = slice(0, number)
        is_same = columns.kind[before] == columns.kind[number]
        is_same &= columns.name[before] == columns.name[number]
        is_same &= columns.step[before] == columns.step[number]
        numbered.append(replace(divergence, occurrence=1 + int(is_same.sum())))
    return numbered


def _is_reordered(pair_of_runs: _PairOfRuns) -> bool:
    """Return True if the batches that differ hold, over all of them, the same samples in another
    order."""
    first, second = [], []
    for pair in pair_of_runs.differing.of_kind(EventKind.BATCH):
        assert pair.event_a is not None
        assert pair.event_b is not None
        values_a = pair_of_runs.a.trace_of(pair.process).values(pair.event_a)
        values_b = pair_of_runs.b.trace_of(pair.process).values(pair.event_b)
        if not values_a or not values_b:
            return False
        first.append(values_a[0])
        second.append(values_b[0])
    return bool(first) and same_samples_across(first, second)
