"""Whether generators of torch that seed themselves get a fixed seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_repaired, run

pytestmark = [pytest.mark.slow]  # each run imports torch

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


def test_generators_that_seed_themselves_get_the_same_seed_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, SELF_SEEDED, "seed.torch_generators")


def test_two_seeds_are_two_numbers(tmp_path: Path) -> None:
    drawn = run(tmp_path, SELF_SEEDED, "seed.torch_generators").split()
    assert len(set(drawn)) == len(drawn)


def test_forked_children_seed_themselves_the_same_in_each_run_and_not_all_alike(
    tmp_path: Path,
) -> None:
    source = """
    import os, torch
    for _ in range(2):
        child = os.fork()
        if not child:
            print(torch.seed(), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    """
    assert is_repaired(tmp_path, source, "seed.torch_generators")
    assert len(set(run(tmp_path, source, "seed.torch_generators").split())) == 2
