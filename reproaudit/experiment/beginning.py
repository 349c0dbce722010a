"""What a difference between two watched loops is put down to, if they began differently."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.comparison.initial_state import OtherBeginning
from reproaudit.diagnose.sources import Explanation
from reproaudit.knowledge.rules import RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.result import Evidence, Finding, Fix

_TITLE = "the loops began with different parameters"
_ADVICE = (
    "begin both loops with the same weights: seed before the model is made, or load one state into "
    "both; what made them lies before the block, where nothing is recorded: begin the block there "
    "to have its line named"
)


def make_beginning_finding(other: OtherBeginning) -> Finding:
    """Return the finding of two loops that began with different parameters or buffers.

    Why they did was not seen.
    """
    count = f"{other.count:,} of {other.total:,} parameters and buffers"
    note = f"{count} differ before the first step, first {other.name}, {other.tensor}"
    return Finding(
        rule=RULES[Cause.UNKNOWN].id,
        cause=Cause.UNKNOWN,
        title=_TITLE,
        phase=Phase.INITIALISATION,
        step=0,
        module=other.name.rpartition(".")[0],
        evidence=Evidence(observed=True, notes=(note,)),
        fix=Fix(advice=_ADVICE),
    )


def blame_beginning(
    explained: Sequence[Explanation], other: OtherBeginning | None
) -> list[Explanation]:
    """Return the sources that the other beginning does not account for: those whose cause is known,
    and those that another input does not explain."""
    if other is None:
        return list(explained)
    return [
        one
        for one in explained
        if one.finding.cause is not Cause.UNKNOWN or not one.is_from_outside
    ]
