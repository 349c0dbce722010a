"""Whether torch's default generators get a fixed seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import alike, is_repaired, is_untouched

pytestmark = [pytest.mark.slow]  # each run imports torch

DEFAULT = """
import torch
print(torch.rand(1).item())
print(torch.nn.Linear(2, 2).weight.sum().item())
print(torch.randperm(1000)[:5])
"""
SELF_SEEDED = """
import torch
torch.seed()
print(torch.rand(1).item())
print(torch.random.seed())
generator = torch.Generator()
print(generator.seed())
print(torch.rand(1, generator=generator).item())
print(torch.Generator().seed())
print(torch.default_generator.seed())
"""
SEEDED = """
import copy, pickle, torch
from torch.utils.data import DataLoader
torch.manual_seed(3)
print(torch.rand(2).tolist(), torch.initial_seed())
generator = torch.Generator(device="cpu").manual_seed(4)
print(torch.randperm(9, generator=generator), generator.initial_seed(), generator.device,
      type(generator))
loader = DataLoader(range(9), batch_size=3, shuffle=True, generator=generator)
print([batch.tolist() for batch in loader])
restored = torch.Generator()
restored.set_state(generator.get_state())
print(torch.rand(1, generator=restored).item() == torch.rand(1, generator=generator).item())
print(torch.rand(1, generator=pickle.loads(pickle.dumps(generator))),
      torch.rand(1, generator=generator.clone_state()))
print(isinstance(torch.default_generator, torch.Generator),
      type(torch.default_generator) is torch.Generator)
print(torch.Generator().initial_seed())
"""


def test_what_the_default_generator_draws_is_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, DEFAULT, "seed.torch")


def test_each_kind_is_repaired_by_its_own_repair_alone(tmp_path: Path) -> None:
    assert alike(tmp_path, DEFAULT, "seed.torch_generators") == {False}
    assert alike(tmp_path, SELF_SEEDED, "seed.torch") == {False}


@pytest.mark.parametrize("repair", ["seed.torch", "seed.torch_generators"])
def test_a_seeded_program_stays_what_it_is(tmp_path: Path, repair: str) -> None:
    assert is_untouched(tmp_path, SEEDED, repair)
