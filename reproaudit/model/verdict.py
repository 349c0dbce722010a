"""The verdict, decided in one place, and the exit code that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from reproaudit.model.events import Outcome

EXIT_NOT_AUDITED = 2


class Verdict(str, Enum):
    REPRODUCIBLE = "reproducible"
    NOT_REPRODUCIBLE = "not-reproducible"
    WITHIN_TOLERANCE = "within-tolerance"
    NOT_AUDITED = "not-audited"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `decide` needs to know: how the runs ended, what was compared, and how it came out."""

    outcomes: tuple[Outcome, ...]
    compared: int
    classes: tuple[tuple[int, ...], ...]
    within_tolerance: bool = False
    # A trace lacks events, and nothing differs that does not come from that.
    is_cut: bool = False
    steps: tuple[int, ...] = field(default=())


def decide(comparison: Comparison) -> Verdict:
    """Return the verdict; the only place where it is decided.

    Nothing compared is never success. Runs that end differently are a divergence. Runs that all
    fail alike were compared as far as they went, but a program that fails was not audited. What a
    damaged trace lacks is no divergence.
    """
    if len(comparison.outcomes) < 2:
        return Verdict.NOT_AUDITED
    # Details are no part of it: a message may hold a path or an address of one run.
    endings = {outcome.ending for outcome in comparison.outcomes}
    if len(endings) > 1:
        return Verdict.NOT_REPRODUCIBLE
    if comparison.is_cut:
        return Verdict.NOT_AUDITED
    if len(comparison.classes) > 1:
        if comparison.within_tolerance:
            return Verdict.WITHIN_TOLERANCE
        return Verdict.NOT_REPRODUCIBLE
    if comparison.compared == 0 or not comparison.outcomes[0].is_success:
        return Verdict.NOT_AUDITED
    return Verdict.REPRODUCIBLE


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """Map verdicts to the process exit code: 0 reproducible or within tolerance, 1 divergence, 2
    not audited."""
    if Verdict.NOT_REPRODUCIBLE in verdicts:
        return 1
    if not verdicts or Verdict.NOT_AUDITED in verdicts:
        return EXIT_NOT_AUDITED
    return 0
