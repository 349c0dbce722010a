"""What of a callable depends on the batch: runs that record operators, and the controls that tell a
bug from rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leaks import find_leak, find_rounding
from reproaudit.comparison.localise import Origin
from reproaudit.comparison.regroup import find_regrouped_source
from reproaudit.config.portions import Neighbours, Portions, Watched
from reproaudit.diagnose.batches import (
    blame_distance,
    explain_leak,
    explain_regrouped,
    is_of_numbers,
    is_rounding,
)
from reproaudit.diagnose.dependence import judge_finding
from reproaudit.errors import SubjectError
from reproaudit.experiment.batch_findings import BatchFindings
from reproaudit.experiment.batch_runs import BatchRuns, count_rows, find_largest, name_size
from reproaudit.experiment.first_token import word_first_token
from reproaudit.experiment.varied_outcomes import Varied
from reproaudit.knowledge.batch_rules import BatchFault
from reproaudit.knowledge.expectation import SLICES
from reproaudit.knowledge.variations_batch import NEIGHBOURS, PADDING, PLACE
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import Finding

_ROUNDING = (
    "another number of rows is computed in another order; what the other rows hold does not matter"
)
_WIDENED = "more columns or rows are computed in another order; what they hold does not matter"
_TURNED = "a row is computed in another order at another place"
_CONTENT = "at equal shapes, the answer for a row changes with what the other rows hold"
_PADDED = "at equal shapes, the answer changes with what the padding holds"
_OTHER_SHAPES = "the answer changes with content that decides lengths: rounding may explain it, too"
_TOO_FAR = "the answers are further apart than another order of sums usually makes them"
_DRAWN = "random numbers are drawn for the batch as a whole"
_TOKENS = (
    "one token that flips by rounding changes all that follow it, and so does a bug: which of the "
    "two it is shows where scores are answered, too"
)
_UNCONTROLLED = (
    "whether what the other rows hold matters is not known: the control with other neighbours was "
    "not made"
)


class BatchSources:
    """Explains dependences, and completes `outcomes`.

    `base_of` returns the portions that a value of a variation is compared with.
    """

    def __init__(
        self,
        runs: BatchRuns,
        interned: Interned,
        outcomes: dict[Wanted, VariationOutcome],
        *,
        base_of: Callable[[Wanted], Portions],
    ) -> None:
        self._runs = runs
        self._interned = interned
        self._outcomes = outcomes
        self._base_of = base_of
        self._is_controlled = False
        self._found = BatchFindings(lambda varied: base_of(varied.wanted))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all variations."""
        return self._found.all

    def explain_all(self, varied: Sequence[Varied]) -> None:
        """Say of each dependence where it is born, and whether it may be: the controls first."""
        differing = [one for one in varied if one.differs and one.run.outcome.is_success]
        leak: VariationOutcome | None = None
        self._is_controlled = any(one.wanted.name == NEIGHBOURS for one in varied)
        for one in sorted(differing, key=lambda one: one.wanted.name != NEIGHBOURS):
            outcome = self._outcomes[one.wanted]
            try:
                if one.wanted.name == NEIGHBOURS:
                    outcome = leak = self._explain_leak(one, outcome, BatchFault.NEIGHBOURS)
                elif one.wanted.name == PADDING:
                    outcome = self._explain_padding(one, outcome)
                else:
                    outcome = self._explain_portions(one, outcome, leak)
            except SubjectError as error:
                why = f"the operator was not located: {error.message}"
                outcome = replace(outcome, why=why)
            token = word_first_token(one.judged)
            if token:
                outcome = replace(outcome, why=f"{outcome.why}; {token}")
            self._outcomes[one.wanted] = outcome

    def _explain_leak(
        self, varied: Varied, outcome: VariationOutcome, fault: BatchFault
    ) -> VariationOutcome:
        """Find the operator by which other content reaches what is answered."""
        portions = varied.wanted.portions
        assert portions is not None
        if fault is BatchFault.NEIGHBOURS:
            watching = replace(portions, watched=Watched.ROWS)
            before = replace(watching, neighbours=Neighbours.OWN)
            why = _CONTENT
        else:
            before = replace(portions, watched=Watched.UNPADDED)
            watching = replace(before, is_filled=True)
            why = _PADDED
        what = varied.wanted.setting
        pair = (
            self._runs.record(before, f"before {what}"),
            self._runs.record(watching, what),
        )
        found = find_leak(*pair, self._interned)
        if found is None:
            return replace(outcome, why=f"{why}; no operator that mixes them was found")
        finding = explain_leak(found, pair, fault)
        if found.is_proof:
            return self._found.add(outcome, varied, finding, dependence=Dependence.BUG, why=why)
        # Lengths that content decides: then rounding may explain it, too.
        return self._found.add(
            outcome, varied, finding, dependence=Dependence.UNEXPLAINED, why=_OTHER_SHAPES
        )

    def _explain_padding(self, varied: Varied, outcome: VariationOutcome) -> VariationOutcome:
        if varied.is_control:
            return self._explain_leak(varied, outcome, BatchFault.PADDING)
        wanted = varied.wanted
        assert wanted.portions is not None
        base = self._base_of(wanted)
        watching = replace(wanted.portions, watched=Watched.UNPADDED)
        pair = (
            self._runs.record(base, name_size(base)),
            self._runs.record(watching, f"{wanted.setting}, without the padding"),
        )
        rounding = find_rounding(*pair, self._interned)
        finding = None
        if rounding is not None:
            finding = explain_leak(rounding, pair, BatchFault.ROUNDING)
        return self._judge_distance(varied, outcome, finding, _WIDENED)

    def _explain_portions(
        self, varied: Varied, outcome: VariationOutcome, leak: VariationOutcome | None
    ) -> VariationOutcome:
        """Find the operator that makes other rows of equal ones."""
        wanted = varied.wanted
        assert wanted.portions is not None
        if leak is not None:
            return replace(outcome, dependence=leak.dependence, finding=leak.finding, why=leak.why)
        base = self._base_of(wanted)
        pair = (
            self._runs.record(base, name_size(base)),
            self._runs.record(wanted.portions, wanted.setting),
        )
        is_turned = wanted.name == PLACE
        size = base.size or count_rows(varied.run)
        found = find_regrouped_source(*pair, self._interned, size=size if is_turned else None)
        finding = None if found is None else explain_regrouped(found, pair)
        drawn = None if finding is None else self._find_draw_at(finding)
        if drawn is not None:
            return self._found.add(outcome, varied, drawn, dependence=Dependence.BUG, why=_DRAWN)
        why = _TURNED if is_turned else _ROUNDING
        return self._judge_distance(varied, outcome, finding, why)

    def _find_draw_at(self, finding: Finding) -> Finding | None:
        """Return what is known to draw for the batch where the finding is: at another place of a
        batch a row gets other numbers from it, too."""
        for known in self.findings:
            is_there = (known.location, known.module) == (finding.location, finding.module)
            if known.rule == BatchFault.DRAWS.value and is_there:
                return known
        return None

    def _judge_distance(
        self, varied: Varied, outcome: VariationOutcome, finding: Finding | None, why: str
    ) -> VariationOutcome:
        """Judge a difference that no content made: by the operator, and by how far it goes."""
        if finding is not None and finding.rule == BatchFault.DRAWS.value:
            return self._found.add(outcome, varied, finding, dependence=Dependence.BUG, why=_DRAWN)
        first = varied.judged.first
        is_near = None
        if first is not None:
            largest = find_largest(varied.judged.runs[0], first.name)
            is_near = is_rounding(first.difference, first.tensor, largest)
        if first is not None and not is_of_numbers(first.tensor):
            why = _TOKENS
        elif is_near is None:
            why = "how far answers are apart is not known: their values were not kept"
        elif not is_near:
            why = _TOO_FAR
            finding = blame_distance(finding)
        if finding is None:
            return replace(outcome, why=f"no operator was found; {why}")
        if not is_near:
            # Numbers that nearly cancel may be as far apart by rounding alone.
            return self._found.add(
                outcome, varied, finding, dependence=Dependence.UNEXPLAINED, why=why
            )
        judged, reason, _ = judge_finding(finding, varied.wanted.name, Origin.OP)
        if judged is not Dependence.EXPECTED:
            finding = blame_distance(finding)
            return self._found.add(outcome, varied, finding, dependence=judged, why=reason)
        if not self._is_controlled:
            return self._found.add(
                outcome,
                varied,
                finding,
                dependence=Dependence.UNEXPLAINED,
                why=_UNCONTROLLED,
            )
        return self._found.add(
            outcome,
            varied,
            finding,
            dependence=Dependence.EXPECTED,
            why=why,
            reference=SLICES,
        )
