"""What one look at the machine found, and what all of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How a part of the machine is.

    ABSENT: it is not there, and most audits do without it. LOOK: something that is usual is not
    there, or gets in the way. BROKEN: no audit is possible.
    """

    FINE = "fine"
    ABSENT = "absent"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the machine: `found` says how it is, `advice` what is lost and what to do."""

    name: str
    state: State
    found: str
    advice: str = ""


def decide_exit_code(checks: Sequence[Check]) -> int:
    """Return 0 if this machine can audit, 1 if it can and something is to be looked at, 2 if
    it cannot."""
    states = {check.state for check in checks}
    if State.BROKEN in states:
        return 2
    return 1 if State.LOOK in states else 0
