"""The finding of two watched loops that began with different parameters, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.comparison.initial_state import InitialDifference
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


def make_initial_finding(initial: InitialDifference) -> Finding:
    """Return the finding of two loops that began with different parameters or buffers.

    Why they did was not seen.
    """
    count = f"{initial.count:,} of {initial.total:,} parameters and buffers"
    note = f"{count} differ before the first step, first {initial.name}, {initial.tensor}"
    return Finding(
        rule=RULES[Cause.UNKNOWN].id,
        cause=Cause.UNKNOWN,
        title=_TITLE,
        phase=Phase.INITIALISATION,
        step=0,
        module=initial.name.rpartition(".")[0],
        evidence=Evidence(observed=True, notes=(note,)),
        fix=Fix(advice=_ADVICE),
    )


def leave_out_consequences(explained: Sequence[Explanation]) -> list[Explanation]:
    """Return the sources that do not follow from parameters that differed at first.

    Those of unknown cause that came in from outside PyTorch most likely do: they are left out.
    """
    return [
        one
        for one in explained
        if one.finding.cause is not Cause.UNKNOWN or not one.is_from_outside
    ]
