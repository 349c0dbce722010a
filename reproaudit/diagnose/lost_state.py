"""State that a resumed run lost, with what to write so that it is restored."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.lost_state import find_lost_state, find_unused_state
from reproaudit.knowledge.state_advice import advise_restoring
from reproaudit.model.question import LostState
from reproaudit.trace.runs import Run


def explain_lost_state(a: Run, b: Run, c: Run, step: int) -> tuple[LostState, ...]:
    """Return what `find_lost_state` finds, each with its advice."""
    lost = find_lost_state(a, b, c, step)
    return tuple(replace(one, advice=advise_restoring(one)) for one in lost)


def explain_unused_state(
    uninterrupted: tuple[Run, Run], b: Run, c: Run, step: int
) -> tuple[LostState, ...]:
    """Return what `find_unused_state` finds, each with its advice."""
    lost = find_unused_state(uninterrupted, b, c, step)
    return tuple(replace(one, advice=advise_restoring(one)) for one in lost)
