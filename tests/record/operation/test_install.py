"""What a plan asks for decides what the operation level puts into a process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level
from reproaudit.record.operation.dispatch import OperationMode
from reproaudit.runs.process import run
from reproaudit.trace.runs import open_run
from tests.record.recording import operations, record


def test_without_the_outside_world_no_clock_is_recorded(tmp_path: Path) -> None:
    def program() -> float:
        return time.time()

    watching, _ = record(tmp_path, program, outside=True)
    blind, _ = record(tmp_path, program, outside=False)
    assert "time.time" in [call.call for call in watching.entropy_calls()]
    assert list(blind.entropy_calls()) == []


def test_lines_are_followed_only_where_they_are_asked_for(tmp_path: Path) -> None:
    def program() -> float:
        total = 1.0
        return total + 1.0

    followed, _ = record(tmp_path, program, lines=True)
    plain, _ = record(tmp_path, program)
    assert {line.name for line in followed.lines()} >= {"total"}
    assert list(plain.lines()) == []


@pytest.mark.seeded
def test_the_streams_are_recorded_before_the_program_draws(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, lambda: torch.rand(1))
    (drawn,) = operations(trace, "aten::rand")
    first = next(trace.stream_states())
    assert first.number < drawn.number


@pytest.mark.slow
def test_a_stream_that_begins_when_its_library_is_imported_is_recorded_from_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").write_text(
        "import torch\n"
        "import numpy\n"
        "weight = torch.ones(2, requires_grad=True)\n"
        "(weight * float(numpy.random.rand())).sum().backward()\n"
    )
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")
    plan = RunPlan(tmp_path / "run", subject, level=Level.OPERATION)
    made = run(plan, log=tmp_path / "log", timeout_s=300)
    assert made.outcome.is_success
    states = [
        event.state
        for event in open_run(made.trace_dir, 0).main.stream_states()
        if event.stream == "numpy"
    ]
    # As it began, and after the draw.
    assert len(set(states)) == 2


def test_the_mode_is_taken_off_again(tmp_path: Path) -> None:
    _, mode = record(tmp_path, _get_current_dispatch_mode)
    assert isinstance(mode, OperationMode)
    assert _get_current_dispatch_mode() is None
