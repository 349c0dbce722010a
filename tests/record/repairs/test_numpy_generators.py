"""Whether NumPy's new generators get fixed entropy where they are given none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import alike, is_repaired, run

GENERATORS = """
import numpy as np
print(np.random.default_rng().random())
print(np.random.Generator(np.random.Philox()).random())
print(np.random.MT19937().random_raw())
print(np.random.SeedSequence().entropy)
print(np.random.default_rng(np.random.SeedSequence().spawn(2)[1]).random())
"""
FORK = """
import os
import numpy as np
for _ in range(2):
    child = os.fork()
    if not child:
        print(np.random.default_rng().random(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_generators_without_a_seed_draw_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, GENERATORS, "seed.numpy_generators")


@pytest.mark.parametrize("other", ["seed.numpy", "entropy.fixed"])
def test_no_other_repair_takes_the_credit_for_generators(tmp_path: Path, other: str) -> None:
    assert alike(tmp_path, GENERATORS, other) == {False}


def test_generators_of_forked_children_draw_the_same_in_each_run_and_not_all_alike(
    tmp_path: Path,
) -> None:
    assert is_repaired(tmp_path, FORK, "seed.numpy_generators")
    assert len(set(run(tmp_path, FORK, "seed.numpy_generators").split())) == 2
