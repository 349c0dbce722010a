"""When in a run a difference was born, in words."""

from __future__ import annotations

import pytest

from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.result import Finding
from reproaudit.report.moments import PASSES, name_moment, name_part, name_pass, name_when


def test_every_phase_has_words_for_a_moment_and_for_a_headline() -> None:
    assert [name_moment(phase, 3) for phase in Phase] == [
        "data of step 3",
        "forward pass of step 3",
        "backward pass of step 3",
        "optimizer update of step 3",
        "initialisation, before step 3",
    ]
    assert PASSES.keys() == set(Phase)


@pytest.mark.parametrize(
    ("prepares_update", "when", "part", "place"),
    [
        (False, "optimizer update of step 2", "optimizer", "in the optimizer"),
        (
            True,
            "after the backward pass of step 2",
            "after backward",
            "after the backward pass",
        ),
    ],
)
def test_what_the_program_does_after_a_backward_pass_is_not_said_to_be_the_optimizers(
    prepares_update: bool, when: str, part: str, place: str
) -> None:
    finding = Finding(
        "RA301", Cause.KERNEL, "", Phase.OPTIMIZER, 2, prepares_update=prepares_update
    )
    assert (name_when(finding), name_part(finding), name_pass(finding)) == (when, part, place)
