"""The random generators of a DataLoader or its dataset, and digests of their states.

Nothing is drawn.
"""

from __future__ import annotations

import _random
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch
import xxhash
from torch.utils.data import RandomSampler, SubsetRandomSampler, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from reproaudit.record.state import rng

State = tuple[int, int]

_WRAPPED_DATASETS = 4  # Subset(Subset(…)): how deep generators are looked for
_MASK = (1 << 64) - 1
RANDOM_SAMPLERS = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
_python_getstate = _random.Random.getstate  # not a subclass's own


def order_of(loader: Any) -> tuple[str, State] | None:
    """Return the stream that decides the order of the loader's samples, with its state.

    None if no stream is known to.
    """
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if isinstance(sampler, DistributedSampler) and sampler.shuffle:
        return "DistributedSampler", _digest((sampler.seed, sampler.epoch))
    if isinstance(sampler, RANDOM_SAMPLERS):
        stream = "torch.cpu" if sampler.generator is None else "generator"
        return stream, torch_state(sampler.generator)
    return None


def share_of(loader: Any) -> tuple[int, int]:
    """Return which share of the samples the loader's DistributedSampler takes, and of how many.

    (0, 0) without one.
    """
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if not isinstance(sampler, DistributedSampler):
        return 0, 0
    return int(sampler.rank), int(sampler.num_replicas)


def generators_of(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield the random generators that are attributes of the dataset, with their names.

    So are those of a dataset that it wraps as Subset does.
    """
    prefix = "dataset"
    for _ in range(_WRAPPED_DATASETS):
        members = getattr(dataset, "__dict__", {})
        for name, value in members.items():
            if _is_generator(value):
                yield f"{prefix}.{name}", value
        dataset = members.get("dataset")
        prefix = f"{prefix}.dataset"


def _is_generator(value: Any) -> bool:
    if isinstance(value, random.Random):
        return not isinstance(value, random.SystemRandom)  # which has no state
    if isinstance(value, torch.Generator):
        return True
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return False
    return isinstance(value, (numpy_random.Generator, numpy_random.RandomState))


def name_generator(generator: Any, place: str) -> str:
    """Return what a generator that is no global stream is called: of whose make, and where it is
    held."""
    if isinstance(generator, torch.Generator):
        return f"generator {place}"
    make = "Python" if isinstance(generator, random.Random) else "NumPy"
    return f"{make} generator {place}"


def state_of(generator: Any) -> State:
    """Return the digest of a generator's state.

    A bit generator of NumPy may be of foreign make, and raise anything.
    """
    if isinstance(generator, torch.Generator):
        return rng.generator_state(generator)
    if isinstance(generator, random.Random):
        return _digest(_python_getstate(generator))
    if hasattr(generator, "bit_generator"):
        state = generator.bit_generator.state
    else:
        state = generator.get_state(legacy=False)
    return _digest(_replace_arrays(state))


def digest_numpy_state(state: dict[str, Any]) -> State:
    """Return the digest of the state of a bit generator of NumPy, as `state_of` does."""
    return _digest(_replace_arrays(state))


def _replace_arrays(state: Any) -> Any:
    """Return a NumPy state with bytes for arrays, whose text depends on the program's settings."""
    if isinstance(state, dict):
        return {key: _replace_arrays(value) for key, value in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state


def torch_state(generator: torch.Generator | None = None) -> State:
    """Return the digest of a torch generator's state; of the default one without an argument."""
    return rng.generator_state(torch.default_generator if generator is None else generator)


def _digest(state: object) -> State:
    value = xxhash.xxh3_128_intdigest(repr(state).encode())
    return value & _MASK, value >> 64
