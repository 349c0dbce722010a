"""Whether a variation means anything for a program, and whether it took hold in a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.applicability import find_missing_effect, find_unmet_need
from reproaudit.knowledge.variation import Need
from tests.record.variations.observing import Observed, observe

SCRIPT = SubjectSpec(SubjectKind.SCRIPT, Path(), path="program.py")
COMMAND = SubjectSpec(
    SubjectKind.COMMAND, Path(), program="torchrun", argv=("--nproc-per-node", "2", "program.py")
)
TRAINS = """
import json
import torch
from torch.utils.data import DataLoader
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in DataLoader(torch.ones(4, 1), batch_size=2, num_workers={workers}):
    model(batch).sum().backward()
    optimizer.step()
print(json.dumps({{}}))
"""
COMPUTES = "import json, torch\nprint(json.dumps({'sum': torch.ones(2).sum().item()}))"


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("training"), TRAINS.format(workers=1))


@pytest.fixture(scope="module")
def computing(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("computing"), COMPUTES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "0"),
        ("workers.prefetch", "4"),
        ("foreach", "on"),
        ("compile", "on"),
        ("timezone", "GMT+12"),
        ("locales", "C"),
        ("env.MINE", "1"),
    ],
)
def test_a_program_that_has_what_is_varied_is_run(
    name: str, value: str, training: Observed
) -> None:
    assert find_unmet_need(name, value, training.run, SCRIPT) == ""


@pytest.mark.parametrize(
    ("name", "value", "need"),
    [
        ("workers", "2", Need.LOADER),
        ("workers.persistent", "on", Need.LOADER),
        ("fused", "on", Need.OPTIMIZER),
        ("compile", "off", Need.COMPILED),
        ("tf32", "on", Need.GPU),
        ("device", "cpu", Need.GPU),
        ("bucket_size", "1", Need.RANKS),
        ("locales", "xx_YY.UTF-8", Need.LOCALE),
    ],
)
def test_what_a_program_lacks_is_said_and_no_run_is_made_for_it(
    name: str, value: str, need: Need, computing: Observed
) -> None:
    assert find_unmet_need(name, value, computing.run, SCRIPT) == need.value


def test_another_number_of_ranks_needs_ranks_first(computing: Observed) -> None:
    assert find_unmet_need("world_size", "3", computing.run, COMMAND) == Need.RANKS.value


def test_a_loader_without_workers_is_told_from_one_with_them(tmp_path: Path) -> None:
    plain = observe(tmp_path, TRAINS.format(workers=0))
    assert find_unmet_need("workers", "2", plain.run, SCRIPT) == ""
    assert find_unmet_need("workers.prefetch", "2", plain.run, SCRIPT) == Need.WORKERS.value


def test_a_variation_that_took_hold_nowhere_says_why(tmp_path: Path, training: Observed) -> None:
    varied = observe(tmp_path, TRAINS.format(workers=1), "workers=0", "foreach=off", "cpu=avx2")
    assert find_missing_effect("workers", "0", varied.run) == ""
    assert "this way already" in find_missing_effect("foreach", "off", varied.run)
    assert "already" in find_missing_effect("workers", "0", training.run)
    assert find_missing_effect("timezone", "GMT+12", training.run) == ""
    assert find_missing_effect("env.MINE", "1", training.run) == ""
