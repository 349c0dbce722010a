"""Whether NumPy's legacy generators get fixed seeds where they are given none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import alike, is_repaired, is_untouched, run

LEGACY = """
import numpy as np
print(np.random.rand())
print(np.random.RandomState().rand())
print(np.random.RandomState(None).rand())
np.random.seed(1); np.random.seed()
print(np.random.rand())
np.random.seed(1); np.random.seed(None)
print(np.random.rand())
state = np.random.RandomState(1); state.seed()
print(state.rand())
"""
GENERATORS = """
import numpy as np
print(np.random.default_rng().random())
print(np.random.Generator(np.random.Philox()).random())
print(np.random.MT19937().random_raw())
print(np.random.SeedSequence().entropy)
print(np.random.default_rng(np.random.SeedSequence().spawn(2)[1]).random())
"""
SEEDED = """
import copy, pickle
import numpy as np
from numpy.random.mtrand import RandomState
np.random.seed(3)
print(np.random.rand(), np.random.randint(1000), np.random.normal())
np.random.seed([1, 2, 3])
print(np.random.permutation(9), np.random.get_state()[0])
state = pickle.loads(pickle.dumps(copy.deepcopy(np.random.RandomState(4))))
print(state.rand(), isinstance(state, RandomState), type(state._bit_generator))
print(np.random.RandomState(np.random.MT19937(5)).rand(),
      np.random.RandomState(np.random.PCG64(5)).rand())
generator = pickle.loads(pickle.dumps(np.random.default_rng(6)))
print(generator.random(), np.random.default_rng(6).spawn(2)[1].random())
print(np.random.Generator(np.random.SFC64(7)).integers(1000, size=3))
"""


def test_legacy_draws_without_a_seed_are_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, LEGACY, "seed.numpy")


@pytest.mark.parametrize("repair", ["seed.numpy", "seed.numpy_generators", "entropy.fixed"])
def test_draws_with_a_seed_stay_what_they_are(tmp_path: Path, repair: str) -> None:
    assert is_untouched(tmp_path, SEEDED, repair)


@pytest.mark.parametrize("other", ["seed.numpy_generators", "entropy.fixed"])
def test_no_other_repair_takes_the_credit_for_legacy_draws(tmp_path: Path, other: str) -> None:
    assert alike(tmp_path, LEGACY, other) == {False}


@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_repairs_of_numpy_hold_together_in_any_order(tmp_path: Path, first: int) -> None:
    names = ["seed.numpy", "seed.numpy_generators", "entropy.fixed"]
    ordered = names[first:] + names[:first]
    assert run(tmp_path, LEGACY + GENERATORS, *ordered) == run(
        tmp_path, LEGACY + GENERATORS, *names
    )


def test_two_generators_without_a_seed_are_two_streams(tmp_path: Path) -> None:
    for source, repair in ((LEGACY, "seed.numpy"), (GENERATORS, "seed.numpy_generators")):
        drawn = run(tmp_path, source, repair).split()
        assert len(set(drawn)) == len(drawn)
