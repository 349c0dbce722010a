"""State that a resumed run lacks, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.question import Restoration, Resumption
from reproaudit.report.questions.resumption_rows import (
    list_resumption_facts,
    name_lost,
    word_checkpoint_file,
    word_lost,
    word_lost_in_full,
)
from tests.report.question_cases import LOST_SCHEDULER, RESUME


def test_lost_state_is_told_with_what_came_instead_its_line_and_the_advice() -> None:
    assert word_lost_in_full(LOST_SCHEDULER) == (
        "the resumed run lacks the scheduler StepLR: not restored, train.py:31 in load "
        "(to be restored here); uninterrupted last_epoch 5, learning rate 0.025, resumed "
        "last_epoch 0, learning rate 0.1; the checkpoint does not hold it. Advice: save "
        "scheduler.state_dict() with the checkpoint, and load it at train.py:31"
    )
    assert name_lost(LOST_SCHEDULER) == "scheduler StepLR (not restored)"


@pytest.mark.parametrize(
    ("restoration", "line"),
    [
        (Restoration.NOT_RESTORED, "train.py:31 in load (to be restored here)"),
        (Restoration.SHIFTED, "train.py:31 in load (changed here)"),
        (Restoration.WRONG, "train.py:31 in load (restored here)"),
    ],
)
def test_a_line_says_what_happens_there(restoration: Restoration, line: str) -> None:
    assert word_lost(replace(LOST_SCHEDULER, restoration=restoration)).line == line


@pytest.mark.parametrize(
    ("is_in", "said"), [(True, "holds it"), (False, "does not hold it"), (None, "")]
)
def test_what_is_not_known_of_a_checkpoint_is_not_said(is_in: bool | None, said: str) -> None:
    assert word_lost(replace(LOST_SCHEDULER, in_checkpoint=is_in)).checkpoint == said


def test_a_checkpoint_says_what_it_holds() -> None:
    assert RESUME.resumption is not None
    held = [word_checkpoint_file(one).holds for one in RESUME.resumption.checkpoints]
    assert held == ["parameters, optimizer, random stream", "no state that is known"]


def test_a_run_that_was_stopped_by_something_else_says_by_what() -> None:
    resumption = Resumption(None, None, "a full disk", "")
    assert list(list_resumption_facts(resumption)) == [("stopped", "by a full disk")]
