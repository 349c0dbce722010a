"""Which lost state is blamed for the place where a resumed run first differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from reproaudit.experiment.resume_findings import blame_lost_state
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.model.result import Finding
from tests.report.cases import ONE_DIVERGENCE

FOUND = replace(ONE_DIVERGENCE.findings[0], cause=Cause.UNKNOWN)


def lose(kind: StateKind) -> LostState:
    return LostState(
        kind=kind, name=kind.value, restoration=Restoration.NOT_RESTORED, expected="1", found="0"
    )


def blame(phase: Phase, kinds: Sequence[StateKind]) -> Sequence[Finding]:
    found = replace(FOUND, phase=phase, step=7)
    return blame_lost_state([found], [lose(kind) for kind in kinds], begin=6)


@pytest.mark.parametrize(
    ("phase", "kinds", "cause"),
    [
        (Phase.DATA, [StateKind.AVERAGE, StateKind.RANDOM_STREAM], Cause.RNG_ORDER),
        (Phase.DATA, [StateKind.RANDOM_STREAM, StateKind.DATA_POSITION], Cause.RNG_ORDER),
        (Phase.FORWARD, [StateKind.SCHEDULER, StateKind.BUFFERS], Cause.CARRIED_STATE),
        # What is lost earlier in a step may show later in it.
        (Phase.BACKWARD, [StateKind.OPTIMIZER, StateKind.RANDOM_STREAM], Cause.RNG_ORDER),
    ],
)
def test_the_first_difference_is_blamed_on_what_can_show_there(
    phase: Phase, kinds: Sequence[StateKind], cause: Cause
) -> None:
    first, *others = blame(phase, kinds)
    assert (first.cause, first.phase, first.step, first.op) == (cause, phase, 7, FOUND.op)
    assert [other.step for other in others] == [6]


def test_a_difference_before_all_that_was_lost_is_blamed_on_none_of_it() -> None:
    first, other = blame(Phase.DATA, [StateKind.SCHEDULER])
    assert (first.cause, first.phase) == (Cause.UNKNOWN, Phase.DATA)
    assert (other.cause, other.phase) == (Cause.CARRIED_STATE, Phase.OPTIMIZER)
