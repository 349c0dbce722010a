"""What of a training step depends on the parts in which a batch is given to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Origin
from reproaudit.comparison.regroup import find_regrouped_source
from reproaudit.config.portions import Portions
from reproaudit.diagnose.batches import explain_regrouped, explain_whole, is_rounding
from reproaudit.diagnose.dependence import judge_finding
from reproaudit.diagnose.split_batches import find_batch_norm, find_draw, find_loss
from reproaudit.errors import SubjectError
from reproaudit.experiment.batch_findings import BatchFindings
from reproaudit.experiment.batch_runs import BatchRuns, find_largest, name_size
from reproaudit.experiment.varied_outcomes import Varied
from reproaudit.knowledge.batch_rules import BatchFault
from reproaudit.knowledge.expectation import SLICES
from reproaudit.knowledge.variations_batch import SPLIT
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.events import EventKind
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import Finding
from reproaudit.trace.runs import Run

_ADDED = (
    "the gradients of the parts are added to one another: the order of the sum changes, and with "
    "it the last bits"
)
_UNEVEN = (
    "the losses of the parts, each counted by its share of the rows, do not add up to that of the "
    "batch: it is no mean over rows, or a row's loss depends on the other rows"
)
_SUM = (
    "the losses of the parts add up to that of the batch without shares: it is a sum over rows and "
    "no mean"
)
_APART = (
    "the gradients of the parts, each counted by its share of the rows, do not add up to those of "
    "the batch, though the losses do or are not known to differ: what a row adds to a gradient "
    "depends on the part that it is in"
)
_DRAWN = (
    "random numbers are drawn for the batch as a whole, and parts draw others for their rows: what "
    "else depends on the parts is hidden by that, and shows without dropout"
)
_UNKNOWN = "how far the gradients are apart is not known: their values were not kept"
_LOSS = "return.loss"
# Of the largest gradient of all: what only noise is left of counts as nothing.
_NOISE = 1e-6
# Of a loss, where parts are as large as one another: rounding of a sum is far below.
_MOST_OF_LOSS = 1e-3


class SplitSources:
    """Explains dependences on the parts of a batch, and completes `outcomes`."""

    def __init__(
        self,
        runs: BatchRuns,
        interned: Interned,
        outcomes: dict[Wanted, VariationOutcome],
        *,
        base: Portions,
    ) -> None:
        self._runs = runs
        self._interned = interned
        self._outcomes = outcomes
        self._base = base
        self._found = BatchFindings(lambda varied: base)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all values."""
        return self._found.all

    def explain_all(self, varied: Sequence[Varied]) -> None:
        """Say of each dependence where it is born, and whether it may be."""
        for one in varied:
            if not one.differs or not one.run.outcome.is_success:
                continue
            outcome = self._outcomes[one.wanted]
            try:
                outcome = self._explain(one, outcome)
            except SubjectError as error:
                outcome = replace(outcome, why=f"the operator was not located: {error.message}")
            self._outcomes[one.wanted] = outcome

    def _explain(self, varied: Varied, outcome: VariationOutcome) -> VariationOutcome:
        wanted = varied.wanted
        assert wanted.portions is not None
        pair = (
            self._runs.record(self._base, name_size(self._base)),
            self._runs.record(wanted.portions, wanted.setting),
        )
        norm = find_batch_norm(pair[0])
        if norm is not None:
            finding = explain_whole(BatchFault.PARTS, norm, pair)
            dependence, why, reference = judge_finding(finding, SPLIT, Origin.OP)
            return self._found.add(
                outcome,
                varied,
                finding,
                dependence=dependence,
                why=why,
                reference=reference,
            )
        is_near = _is_near(varied)
        if is_near:
            return self._explain_rounding(varied, outcome, pair)
        why = _UNKNOWN if is_near is None else _word_distance(varied)
        return self._blame_whole(varied, outcome, pair, why)

    def _explain_rounding(
        self, varied: Varied, outcome: VariationOutcome, pair: tuple[Run, Run]
    ) -> VariationOutcome:
        """Name the first operator that makes other rows, or another sum, of equal rows."""
        found = find_regrouped_source(*pair, self._interned)
        if found is None:
            return replace(outcome, dependence=Dependence.EXPECTED, why=_ADDED, reference=SLICES)
        finding = explain_regrouped(found, pair)
        dependence, why, reference = judge_finding(finding, SPLIT, Origin.OP)
        return self._found.add(
            outcome, varied, finding, dependence=dependence, why=why, reference=reference
        )

    def _blame_whole(
        self, varied: Varied, outcome: VariationOutcome, pair: tuple[Run, Run], why: str
    ) -> VariationOutcome:
        """Name what draws for the batch as a whole; else the operator that makes the loss."""
        fault = BatchFault.DRAWS
        source = find_draw(*pair)
        if source is not None:
            why = _DRAWN
        elif _is_loss_near(varied) is False:
            fault = BatchFault.PARTS
            source = find_loss(pair[0])
        if source is None:
            return replace(outcome, why=f"no operator was found; {why}")
        finding = explain_whole(fault, source, pair)
        return self._found.add(outcome, varied, finding, dependence=Dependence.UNEXPLAINED, why=why)


def _is_near(varied: Varied) -> bool | None:
    """Return True if the loss and all gradients are no further apart than another order of sums
    may make them; None if that is not known."""
    whole, _ = varied.judged.runs
    rows = [row for row in varied.judged.divergences if row.kind is EventKind.OUTPUT]
    largest = {row.name: find_largest(whole, row.name) for row in rows}
    gradients = [value or 0.0 for name, value in largest.items() if name != _LOSS]
    noise = _NOISE * max(gradients, default=0.0)
    said = []
    for row in rows:
        difference = row.difference
        if difference is not None and difference.max_abs is not None and row.name != _LOSS:
            if difference.max_abs <= noise:
                continue
        said.append(is_rounding(difference, row.tensor, largest[row.name]))
    if False in said:
        return False
    return None if None in said else True


def _is_loss_near(varied: Varied) -> bool | None:
    """Return True if the losses of the parts add up to that of the batch but for rounding; None
    if that is not known."""
    whole, _ = varied.judged.runs
    for row in varied.judged.divergences:
        if row.kind is EventKind.OUTPUT and row.name == _LOSS:
            return is_rounding(row.difference, row.tensor, find_largest(whole, _LOSS))
    return True


def _word_distance(varied: Varied) -> str:
    """Say what the loss is not, by how the losses of the parts add up."""
    if _is_loss_near(varied) is not False:
        return _APART
    portions = varied.wanted.portions
    assert portions is not None
    assert portions.parts is not None
    whole, split = (find_largest(run, _LOSS) for run in varied.judged.runs)
    if whole is None or split is None:
        return _UNEVEN
    is_sum = abs(portions.parts * split - whole) <= _MOST_OF_LOSS * whole
    return _SUM if is_sum else _UNEVEN
