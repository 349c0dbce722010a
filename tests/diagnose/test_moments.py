"""What runs between a backward pass and a step is no data."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.diagnose.moments import find_moment, prepares_update
from reproaudit.model.events import EventKind, Phase
from reproaudit.trace.views import OpEvent
from tests.comparison.traces import Row, make_run

BACKWARD = Row("aten::mm.default", 1, phase=Phase.BACKWARD)
GRADIENT = Row("weight", 3, kind=EventKind.GRADIENT, phase=Phase.BACKWARD)
BATCH = Row("Net.input", 4, kind=EventKind.BATCH, phase=Phase.DATA)


@pytest.mark.parametrize(
    ("before", "after", "phase"),
    [
        ([BACKWARD], [GRADIENT], Phase.OPTIMIZER),
        ([BACKWARD], [BATCH, GRADIENT], Phase.DATA),
        ([], [GRADIENT], Phase.DATA),
        ([BACKWARD], [], Phase.DATA),
    ],
    ids=["clips a norm", "makes the next part of a batch", "before any pass", "the end"],
)
def test_what_prepares_an_update_belongs_to_it(
    tmp_path: Path, before: list[Row], after: list[Row], phase: Phase
) -> None:
    norm = Row("aten::linalg_vector_norm.default", 2, phase=Phase.DATA)
    trace = make_run(tmp_path, 0, [*before, norm, *after]).main
    event = trace.event(len(before))
    assert isinstance(event, OpEvent)
    assert find_moment(event, trace) == (phase, 0)
    assert prepares_update(event, trace) == (phase is Phase.OPTIMIZER)


def test_a_phase_that_is_known_stays(tmp_path: Path) -> None:
    op = Row("aten::mul.Tensor", 2, phase=Phase.FORWARD)
    trace = make_run(tmp_path, 0, [BACKWARD, op, GRADIENT]).main
    event = trace.event(1)
    assert isinstance(event, OpEvent)
    assert find_moment(event, trace) == (Phase.FORWARD, 0)
    assert not prepares_update(event, trace)


def test_an_op_of_the_optimizer_itself_is_the_update(tmp_path: Path) -> None:
    op = Row("aten::add_.Tensor", 2, phase=Phase.OPTIMIZER)
    trace = make_run(tmp_path, 0, [BACKWARD, GRADIENT, op]).main
    event = trace.event(2)
    assert isinstance(event, OpEvent)
    assert not prepares_update(event, trace)
