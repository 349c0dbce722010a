"""Whether NumPy's legacy and new generators get fixed seeds where they are given none, each by its own repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_repaired, is_untouched, run

LEGACY = (
    "print(np.random.rand())",
    "print(np.random.RandomState().rand())",
    "print(np.random.RandomState(None).rand())",
    "np.random.seed(1); np.random.seed(); print(np.random.rand())",
    "np.random.seed(1); np.random.seed(None); print(np.random.rand())",
    "state = np.random.RandomState(1); state.seed(); print(state.rand())",
)
GENERATORS = (
    "print(np.random.default_rng().random())",
    "print(np.random.Generator(np.random.Philox()).random())",
    "print(np.random.MT19937().random_raw())",
    "print(np.random.SeedSequence().entropy)",
    "print(np.random.default_rng(np.random.SeedSequence().spawn(2)[1]).random())",
)
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
print(np.random.RandomState(np.random.MT19937(5)).rand(), np.random.RandomState(np.random.PCG64(5)).rand())
generator = pickle.loads(pickle.dumps(np.random.default_rng(6)))
print(generator.random(), generator.spawn(2)[1].random() if hasattr(generator, "spawn") else None)
print(np.random.Generator(np.random.SFC64(7)).integers(1000, size=3))
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


def with_numpy(line: str) -> str:
    return f"import numpy as np; {line}"


@pytest.mark.parametrize("line", LEGACY)
def test_legacy_draws_without_a_seed_are_the_same_in_each_run(tmp_path: Path, line: str) -> None:
    assert is_repaired(tmp_path, with_numpy(line), "seed.numpy")


@pytest.mark.parametrize("line", GENERATORS)
def test_generators_without_a_seed_draw_the_same_in_each_run(tmp_path: Path, line: str) -> None:
    assert is_repaired(tmp_path, with_numpy(line), "seed.numpy_generators")


@pytest.mark.parametrize("repair", ["seed.numpy", "seed.numpy_generators", "entropy.fixed"])
def test_draws_with_a_seed_stay_what_they_are(tmp_path: Path, repair: str) -> None:
    assert is_untouched(tmp_path, SEEDED, repair)


@pytest.mark.parametrize("line", LEGACY)
@pytest.mark.parametrize("other", ["seed.numpy_generators", "entropy.fixed"])
def test_no_other_repair_takes_the_legacy_generators_credit(tmp_path: Path, line: str, other: str) -> None:
    assert not is_repaired(tmp_path, with_numpy(line), other)


@pytest.mark.parametrize("line", GENERATORS)
@pytest.mark.parametrize("other", ["seed.numpy", "entropy.fixed"])
def test_no_other_repair_takes_the_new_generators_credit(tmp_path: Path, line: str, other: str) -> None:
    assert not is_repaired(tmp_path, with_numpy(line), other)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_repairs_of_numpy_hold_together_in_any_order(tmp_path: Path, first: int) -> None:
    names = ["seed.numpy", "seed.numpy_generators", "entropy.fixed"]
    ordered = names[first:] + names[:first]
    source = with_numpy("print(np.random.RandomState().rand(), np.random.default_rng().random())")
    assert run(tmp_path, source, *ordered) == run(tmp_path, source, *names)


def test_two_generators_without_a_seed_are_two_streams(tmp_path: Path) -> None:
    legacy = with_numpy("print(np.random.RandomState().rand(), np.random.RandomState().rand())")
    new = with_numpy("print(np.random.default_rng().random(), np.random.default_rng().random())")
    assert len(set(run(tmp_path, legacy, "seed.numpy").split())) == 2
    assert len(set(run(tmp_path, new, "seed.numpy_generators").split())) == 2


def test_generators_of_forked_children_draw_the_same_in_each_run_and_not_all_alike(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FORK, "seed.numpy_generators")
    assert len(set(run(tmp_path, FORK, "seed.numpy_generators").split())) == 2
