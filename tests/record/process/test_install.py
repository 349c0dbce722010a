"""A recorder is put into a process whole, or not at all, and is taken out again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level, Outcome, OutcomeKind
from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.process.install import Installation
from reproaudit.trace.reader import Trace


@pytest.fixture
def plan(tmp_path: Path) -> RunPlan:
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py")
    return RunPlan(trace_dir=tmp_path / "trace", subject=subject, level=Level.BOUNDARY)


def test_an_installation_that_fails_leaves_nothing_behind(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.manual_seed, torch.set_num_threads, torch.autograd.backward

    def fail(boundaries: Boundaries) -> None:
        raise RuntimeError("no hooks")

    monkeypatch.setattr(Boundaries, "install", fail)
    with pytest.raises(RuntimeError, match="no hooks"):
        Installation(plan, str(plan.trace_dir))
    assert (torch.manual_seed, torch.set_num_threads, torch.autograd.backward) == before


def test_a_trace_begins_with_what_the_run_was_asked_for(plan: RunPlan) -> None:
    installation = Installation(plan, str(plan.trace_dir))
    installation.remove()
    installation.recorder.finish(Outcome(OutcomeKind.COMPLETED, 0))
    trace = Trace.open(plan.trace_dir)
    assert trace.level is Level.BOUNDARY
    assert trace.header["environment"]["torch"] == torch.__version__
