"""What is known of an audit before it ends: facts, told one by one to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.model.events import Location
from reproaudit.model.result import AuditResult, Finding, TensorDivergence, Trial
from reproaudit.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class VerdictKnown:
    """The verdict stands after `runs` runs. `first` is the first tensor that differs."""

    verdict: Verdict
    runs: int
    steps: int
    first: TensorDivergence | None = None


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """Where recorded runs first differed. Where that is certain, the cause is not yet.

    `finding` is what the evidence says by now; `arrival` is the line of the operator that first
    differed. `end_step` is the step after the last one.
    """

    finding: Finding
    arrival: Location | None = None
    end_step: int = 0


@dataclass(frozen=True, slots=True)
class TrialMade:
    """What came of one set of interventions."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class CausesKnown:
    """The findings, each with its cause and its part of what repairs the program."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class AuditEnded:
    """Everything: a report of it follows."""

    result: AuditResult


EarlyFact = VerdictKnown | SourceSeen | TrialMade | CausesKnown | AuditEnded
Tell = Callable[[EarlyFact], None]


def tell_nobody(fact: EarlyFact) -> None:
    """Take a fact where nobody watches."""
