"""What came of one value of a variation: the run under it, against the one without."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reproaudit.comparison.judge import Judged
from reproaudit.comparison.trend import find_trend
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import measure_judged
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.events import NotChecked, Outcome, OutcomeKind, Unchecked
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import BudgetSpent
from reproaudit.trace.runs import Run

_NOT_LOOKED = "where it depends on it was not looked for"


@dataclass(frozen=True, slots=True)
class Varied:
    """A run under a variation, and how it compares with the plain one.

    `is_control`: it is compared with another run under the variation, which has the same shapes.
    """

    wanted: Wanted
    run: Run
    judged: Judged
    is_control: bool = False

    @property
    def differs(self) -> bool:
        verdict = self.judged.verdict
        return verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)


def describe_varied(varied: Varied) -> VariationOutcome:
    """Return how far the varied run is from the plain one. Why is not known yet."""
    wanted, judged = varied.wanted, varied.judged
    outcome = VariationOutcome(
        name=wanted.name,
        value=wanted.value,
        dependence=Dependence.NONE,
        run=varied.run.index,
    )
    if not varied.differs:
        return outcome
    first = judged.first
    is_failed = not varied.run.outcome.is_success
    return replace(
        outcome,
        dependence=Dependence.FAILS if is_failed else Dependence.UNEXPLAINED,
        is_within_tolerance=judged.verdict is Verdict.WITHIN_TOLERANCE and not is_failed,
        why=_word_failure(varied.run.outcome) if is_failed else _NOT_LOOKED,
        step=None if first is None else first.step,
        tensor="" if first is None else first.name,
        tensors=judged.divergences_total,
        difference=None if first is None else first.difference,
        trend=find_trend(measure_judged(judged)),
    )


def _word_failure(ending: Outcome) -> str:
    if ending.kind is OutcomeKind.EXITED:
        # What it printed, such as the usage of an option that it does not know, says more.
        return f"it exits with {ending.code}; --show-output shows what it prints"
    return ending.detail or ending.kind.value


def make_not_tried(wanted: Wanted, why: str) -> VariationOutcome:
    """Return the outcome of a value that was not tried."""
    return VariationOutcome(
        name=wanted.name, value=wanted.value, dependence=Dependence.NOT_TRIED, why=why
    )


def note_end(why: str) -> NotChecked:
    """Return that what was left is not done: what is known by then is the answer."""
    return NotChecked(Unchecked.AUDIT_ENDED, "the rest of the variations", why)


def word_end(error: BaseException) -> str:
    """Say why not all was come to."""
    if isinstance(error, SubjectError):
        return error.message
    if isinstance(error, BudgetSpent):
        return f"the budget was spent before{error}; --budget gives more"
    return "it was interrupted before"
