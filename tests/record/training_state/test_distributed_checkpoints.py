"""Checkpoints of torch.distributed.checkpoint, written and read in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

from reproaudit.comparison.lost_state import list_checkpoints
from reproaudit.comparison.state_timeline import Timeline
from reproaudit.model.question import StateKind
from reproaudit.trace.runs import Run
from tests.record.recording import record


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled", "ignore:.*TypedStorage")
def test_filling_the_state_of_an_optimizer_is_no_step_and_files_are_listed_by_their_folder(
    tmp_path: Path,
) -> None:
    folder = str(tmp_path / "saved")

    def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        model = torch.nn.Linear(3, 1)
        return model, torch.optim.Adam(model.parameters())

    def train() -> None:
        model, optimizer = make()
        # Fills the state of the optimizer, which has made no step.
        get_state_dict(model, optimizer)
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        held, steps = get_state_dict(model, optimizer)
        dcp.save({"model": held, "optimizer": steps}, checkpoint_id=folder)
        model, optimizer = make()
        held, steps = get_state_dict(model, optimizer)
        found = {"model": held, "optimizer": steps}
        dcp.load(found, checkpoint_id=folder)
        set_state_dict(
            model,
            optimizer,
            model_state_dict=found["model"],
            optim_state_dict=found["optimizer"],
        )

    before = torch.get_rng_state()
    trace, _ = record(tmp_path / "trace", train, state=True)
    torch.set_rng_state(before)
    assert trace.header["steps"] == 1
    (checkpoint,) = list_checkpoints(Run(0, (("", trace),)))
    assert checkpoint.path.endswith("saved")
    assert (checkpoint.writer, checkpoint.step) == ("torch.distributed.checkpoint", 1)
    assert StateKind.PARAMETERS in checkpoint.holds
    assert StateKind.OPTIMIZER in checkpoint.holds
    assert checkpoint.path in {load.name for load in Timeline(trace).loads}
