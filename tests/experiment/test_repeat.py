"""Whether repetitions within one process see what differs, tell carried state apart, and leave
nothing behind."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.config.tolerance import Tolerance
from reproaudit.errors import SubjectError
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.result import AuditResult, Isolation
from reproaudit.model.verdict import Verdict
from reproaudit.pytest_plugin.recording import repetitions_from_here
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.request import RunMaker, RunRequest
from tests.claims import check_claims

HERE = Path(__file__)
SPEC = SubjectSpec(SubjectKind.ATTRIBUTE, HERE.parent, path=HERE.name, attribute="step")


def lab_of(
    step: Callable[[], Any], seed: int | None = 0, *, diagnosing_runs: int = 40
) -> Callable[[Path], RunMaker]:
    def make(folder: Path) -> RunMaker:
        return InProcessLab(
            lambda current: current.record_return(step()),
            SPEC,
            folder,
            record=repetitions_from_here(seed),
            budget=Budget(runs=diagnosing_runs, seconds=60.0),
        )

    return make


def repeated(
    step: Callable[[], Any],
    *,
    runs: int = 3,
    seed: int | None = 0,
    carry: Callable[[], Sequence[str]] | None = None,
    fresh: Callable[[Path], RunMaker] | None = None,
    tolerance: Tolerance | None = None,
) -> AuditResult:
    tolerances = {} if tolerance is None else {"*": tolerance}
    options = RepeatOptions("step", SPEC, runs, tolerances, carry=carry, fresh=fresh)
    return check_claims(repeat(options, lab_of(step, seed), Isolation.INPROCESS))


def training_step() -> torch.Tensor:
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    optimizer = torch.optim.Adam(model.parameters())
    loss: torch.Tensor = model(torch.randn(4, 8)).square().mean()
    loss.backward()
    optimizer.step()
    return loss


def test_a_step_that_draws_from_the_global_streams_is_repeated_from_the_same_ones() -> None:
    def step() -> list[Any]:
        return [training_step(), random.random(), np.random.rand()]

    result = repeated(step)
    assert result.verdict is Verdict.REPRODUCIBLE
    assert dict(result.compared)["operator"] > 20
    assert dict(result.compared)["gradient"] == 2


def test_streams_are_as_before_afterwards_without_a_seed_too() -> None:
    before = torch.get_rng_state().tolist(), random.getstate()
    assert repeated(training_step, seed=None).verdict is Verdict.REPRODUCIBLE
    assert (torch.get_rng_state().tolist(), random.getstate()) == before


def test_flags_that_a_step_sets_are_put_back_for_the_next_repetition() -> None:
    def step() -> torch.Tensor:
        found = torch.tensor([torch.get_num_threads(), int(torch.backends.cudnn.benchmark)])
        torch.set_num_threads(3)
        torch.backends.cudnn.benchmark = True
        torch.set_default_dtype(torch.float64)
        return found

    assert repeated(step).verdict is Verdict.REPRODUCIBLE
    assert torch.get_default_dtype() is torch.float32


def test_a_module_that_draws_when_the_first_repetition_imports_it_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "drawing_at_import"
    source = "import random, torch\nrandom.random()\ndrawn = torch.rand(3).square()\n"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def step() -> list[Any]:
        importlib.import_module(name)
        return [random.random(), torch.rand(2)]

    try:
        result = repeated(step)
    finally:
        sys.modules.pop(name, None)
    assert result.verdict is Verdict.REPRODUCIBLE
    assert len(result.runs) == 3


def test_an_unseeded_generator_is_named_with_its_line_and_a_fix_that_was_run() -> None:
    def step() -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng().normal(size=4)).square()

    finding = repeated(step).findings[0]
    assert finding.cause is Cause.UNSEEDED_RNG
    assert finding.location is not None
    assert finding.location.path == HERE.name
    assert finding.fix is not None
    assert (finding.fix.settings, finding.fix.verified) == (("seed.numpy_generators",), True)


def test_a_cause_that_was_seen_stands_though_no_run_is_left_to_prove_its_fix() -> None:
    def step() -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng().normal(size=4)).square()

    options = RepeatOptions("step", SPEC, runs=3)
    result = repeat(options, lab_of(step, diagnosing_runs=0), Isolation.INPROCESS)
    (finding,) = result.findings
    assert finding.cause is Cause.UNSEEDED_RNG
    assert finding.fix is not None
    assert not finding.fix.verified
    assert any("its budget was spent" in note.why for note in result.not_checked)


def test_an_operator_that_differs_is_seen_though_nothing_is_returned() -> None:
    def step() -> None:
        torch.from_numpy(np.random.default_rng().normal(size=4)).square()

    result = repeated(step)
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    assert result.findings[0].cause is Cause.UNSEEDED_RNG
    assert not result.divergences


@pytest.mark.parametrize(
    "value", [lambda n: n, float, str, lambda n: {"a": np.array([n])}, lambda n: (1, [2.5, n])]
)
def test_returned_values_that_are_no_tensors_are_compared(value: Callable[[int], Any]) -> None:
    calls: list[int] = []

    def step() -> Any:
        calls.append(0)
        return value(len(calls))

    assert repeated(step).verdict is Verdict.NOT_REPRODUCIBLE
    assert repeated(lambda: value(3)).verdict is Verdict.REPRODUCIBLE


def test_nothing_computed_and_nothing_returned_is_not_success() -> None:
    assert repeated(lambda: None).verdict is Verdict.NOT_AUDITED


def test_a_buffer_that_is_written_on_and_on_is_carried_state_where_memory_shows_it() -> None:
    buffer = torch.zeros(3)

    def step() -> torch.Tensor:
        return buffer.add_(1) * 2

    finding = repeated(step, carry=lambda: ["it was read"]).findings[0]
    assert finding.cause is Cause.CARRIED_STATE
    assert "not proven" in " ".join(finding.evidence.notes)


def test_a_cache_of_the_first_repetition_is_carried_state_when_fresh_processes_are_equal() -> None:
    cache: dict[str, torch.Tensor] = {}

    def step() -> torch.Tensor:
        if "weights" not in cache:
            cache["weights"] = torch.randn(5)
        return cache["weights"] + torch.randn(5)

    def once() -> torch.Tensor:
        cache.clear()
        return step()

    finding = repeated(step, fresh=lab_of(once)).findings[0]
    assert finding.cause is Cause.CARRIED_STATE
    assert "3 fresh processes" in " ".join(finding.evidence.notes)


@pytest.mark.parametrize("filling", [1, 2])
def test_repetitions_that_differ_only_until_a_cache_is_full_are_repaired_by_nothing(
    filling: int,
) -> None:
    cache: list[torch.Tensor] = []

    def step() -> torch.Tensor:
        model = nn.Linear(4, 4)
        if len(cache) < filling:
            cache.append(torch.randn(3))
        loss: torch.Tensor = model(torch.randn(2, 4)).square().mean()
        loss.backward()
        return loss

    result = repeated(step, runs=5)
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    (finding,) = result.findings
    assert finding.cause is Cause.CARRIED_STATE
    assert finding.location is not None
    assert finding.location.path == HERE.name
    assert finding.fix is not None
    assert not finding.fix.verified
    assert "later runs of the program as it is are all equal" in " ".join(finding.evidence.notes)


def test_real_nondeterminism_is_not_called_carried_state_though_memory_is_carried_too() -> None:
    buffer = torch.zeros(3)

    def step() -> torch.Tensor:
        buffer.add_(1)
        return torch.from_numpy(np.random.default_rng().normal(size=3)).square()

    finding = repeated(step, fresh=lab_of(step), carry=lambda: ["it was read"]).findings[0]
    assert finding.cause is not Cause.CARRIED_STATE


def test_a_python_counter_without_proof_stays_unknown() -> None:
    count = [0]

    def step() -> torch.Tensor:
        count[0] += 1
        return torch.ones(3) * count[0]

    assert repeated(step).findings[0].cause is Cause.UNKNOWN


def test_fresh_processes_that_fail_prove_nothing_and_that_is_said() -> None:
    count = [0]

    def step() -> torch.Tensor:
        count[0] += 1
        return torch.ones(3) * count[0]

    def broken(folder: Path) -> RunMaker:
        raise SubjectError("planted", code="subject-failed")

    result = repeated(step, fresh=broken)
    assert result.findings[0].cause is Cause.UNKNOWN
    assert "planted" in [note.why for note in result.not_checked]


def test_a_difference_within_the_tolerance_is_no_failure() -> None:
    count = [0]

    def step() -> torch.Tensor:
        count[0] += 1
        return torch.ones(3) + count[0] * 1e-6

    assert repeated(step, tolerance=Tolerance(atol=1e-3)).verdict is Verdict.WITHIN_TOLERANCE
    assert repeated(step, tolerance=Tolerance(atol=1e-9)).verdict is Verdict.NOT_REPRODUCIBLE


def test_what_the_first_repetition_raises_goes_on() -> None:
    def step() -> None:
        raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError, match="planted"):
        repeated(step)


def test_an_interrupt_while_a_cause_is_looked_for_ends_the_session() -> None:
    calls: list[int] = []

    def step() -> torch.Tensor:
        calls.append(0)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return torch.from_numpy(np.random.default_rng().normal(size=4)).square()

    with pytest.raises(KeyboardInterrupt):
        repeated(step)


def test_a_later_repetition_that_raises_is_a_divergence() -> None:
    count = [0]

    def step() -> torch.Tensor:
        count[0] += 1
        if count[0] > 1:
            raise ZeroDivisionError("planted")
        return torch.ones(3)

    result = repeated(step)
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    assert "ZeroDivisionError" in result.runs[1].outcome.detail


@pytest.mark.slow
def test_worker_processes_are_followed_and_leave_the_trace_whole() -> None:
    def step() -> torch.Tensor:
        loader = DataLoader(
            TensorDataset(torch.arange(8.0)), batch_size=2, shuffle=True, num_workers=2
        )
        return torch.stack([batch for (batch,) in loader])

    result = repeated(step)
    assert result.verdict is Verdict.REPRODUCIBLE
    assert dict(result.compared)["batch"] == 4


def test_results_say_that_they_come_from_one_process_and_what_that_hides() -> None:
    result = repeated(training_step)
    assert result.isolation is Isolation.INPROCESS
    assert any("hash" in note.why for note in result.not_checked)


def test_what_only_a_fresh_process_can_change_is_told_from_what_this_one_can(
    tmp_path: Path,
) -> None:
    lab = lab_of(training_step)(tmp_path)
    refused = {name for name in INTERVENTIONS if not lab.can_try(name)}
    assert refused >= {"files.fresh", "cublas.workspace", "streams.serial", "compile.off"}
    assert refused.isdisjoint(
        {"kernels.deterministic", "sdpa.math", "copies.blocking", "seed.torch", "memory.fill"}
    )
    with pytest.raises(
        SubjectError, match="CUDA_LAUNCH_BLOCKING cannot be changed within one process"
    ):
        lab.run(RunRequest(name="run", index=0, what="trying", interventions=("streams.serial",)))
