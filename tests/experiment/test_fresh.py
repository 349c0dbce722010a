"""What fresh processes show of a difference between repetitions. Repetitions stand for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from reproaudit.model.cause import Cause
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run
from tests.experiment.test_repeat import lab_of, repeated

made = [np.random.default_rng(0)]


def step() -> torch.Tensor:
    return torch.from_numpy(made[0].random(3)).square()


def once() -> torch.Tensor:
    made[0] = np.random.default_rng()
    return step()


def blind_lab_of(code: Callable[[], torch.Tensor]) -> Callable[[Path], RunMaker]:
    """Return what makes repetitions whose calls into the outside world are not seen."""

    def make(folder: Path) -> RunMaker:
        lab = lab_of(code)(folder)
        run = lab.run

        def run_blindly(request: RunRequest) -> Run:
            return run(replace(request, outside=False))

        lab.run = run_blindly  # type: ignore[method-assign]
        return lab

    return make


def test_a_generator_that_was_made_before_the_first_repetition_is_named_with_its_line() -> None:
    finding = repeated(step, fresh=lab_of(once)).findings[0]
    assert finding.cause is Cause.UNSEEDED_RNG
    assert finding.location is not None
    assert finding.location.function == "once"
    assert finding.fix is not None
    assert "inside what is repeated" in finding.fix.advice


def test_a_generator_that_nobody_saw_is_named_where_seeds_make_fresh_processes_equal() -> None:
    finding = repeated(step, fresh=blind_lab_of(once)).findings[0]
    assert finding.cause is Cause.UNSEEDED_RNG
    assert finding.location is not None
    assert finding.location.function == "step"
    assert "with seeds for all generators are equal" in " ".join(finding.evidence.notes)


def test_state_is_named_though_fresh_processes_differ_by_what_is_drawn_at_import_time() -> None:
    weight = [torch.ones(3, requires_grad=True)]

    def accumulate() -> torch.Tensor | None:
        (weight[0] * torch.arange(3)).sum().backward()
        return weight[0].grad

    def import_and_accumulate() -> torch.Tensor | None:
        drawn = torch.from_numpy(np.random.default_rng().random(3)).float()
        weight[0] = drawn.requires_grad_()
        return accumulate()

    finding = repeated(accumulate, fresh=lab_of(import_and_accumulate)).findings[0]
    assert finding.cause is Cause.CARRIED_STATE
    assert "by what is drawn at import time" in " ".join(finding.evidence.notes)


def test_what_seeds_do_not_make_equal_stays_unknown() -> None:
    count = [0]

    def counted() -> torch.Tensor:
        count[0] += 1
        return torch.from_numpy(np.full(3, float(count[0]))).square()

    assert repeated(counted, fresh=blind_lab_of(counted)).findings[0].cause is Cause.UNKNOWN


def test_a_generator_of_fresh_processes_is_no_cause_of_what_differs_elsewhere() -> None:
    count = [0]

    def counted() -> torch.Tensor:
        count[0] += 1
        return torch.ones(3) * count[0]

    assert repeated(counted, fresh=lab_of(once)).findings[0].cause is Cause.CARRIED_STATE
