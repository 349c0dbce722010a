"""What is said of a run in which no tensor could be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.experiment.nothing_compared import has_trained, make_nothing_compared_error
from reproaudit.model.events import EventFlag, EventKind
from tests.compare.traces import Row, make_run


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("loss", kind=EventKind.OUTPUT), True),
        (Row("loss[1]", kind=EventKind.OUTPUT), True),
        (Row("loss.output", kind=EventKind.OUTPUT), False),
        (Row("loss", kind=EventKind.PARAMETER), False),
    ],
)
def test_a_run_without_a_step_has_trained_if_a_backward_pass_began_at_a_loss(
    tmp_path: Path, row: Row, expected: bool
) -> None:
    assert has_trained(make_run(tmp_path, 0, [row], steps=0)) is expected


def test_a_run_with_a_step_has_trained(tmp_path: Path) -> None:
    assert has_trained(make_run(tmp_path, 0, [Row("aten::mm.default")], steps=1))


def test_a_backward_pass_without_bytes_is_not_said_not_to_have_been_seen(tmp_path: Path) -> None:
    row = Row("gradient weight", kind=EventKind.GRADIENT, flags=EventFlag.UNDIGESTED)
    error = make_nothing_compared_error(make_run(tmp_path, 0, [row], steps=1))
    assert error.code == "nothing-has-bytes"
    assert "was seen" not in error.message


def test_a_run_without_training_is_told_how_to_name_a_step(tmp_path: Path) -> None:
    row = Row("linear.output", kind=EventKind.OUTPUT)
    error = make_nothing_compared_error(make_run(tmp_path, 0, [row], steps=0))
    assert error.code == "no-training-step"
    assert error.message.endswith("no backward pass and no optimizer step was seen")
