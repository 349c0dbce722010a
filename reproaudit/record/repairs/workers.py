"""Seeds for DataLoader workers, after the program's own worker_init_fn, for forked children, and
for the tasks of pools."""

from __future__ import annotations

import functools
import inspect
import random
import sys
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach, pool_tasks
from reproaudit.record.repairs.entropy import FixedStream

_seed_python = random.seed
_NUMPY_SEEDS = 1 << 32


def install(reach: Reach) -> None:
    """Seed each forked child by its number, each worker by its loader's seed and its number."""
    stream = FixedStream("workers", reach)

    def seed_child(number: int) -> None:
        _seed_forked_child(reach, stream)

    reach.after_fork(seed_child)
    reach.when_imported("torch", functools.partial(_seed_loader_workers, reach))
    pool_tasks.install(reach)


def _seed_forked_child(reach: Reach, stream: FixedStream) -> None:
    _seed_python(stream.number())
    seed = stream.number()
    # NumPy loads its random module when somebody first asks for it: that may be the child.
    reach.when_imported("numpy.random", functools.partial(_seed_numpy, seed))


def _seed_numpy(seed: int) -> None:
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed)


def _seed_loader_workers(reach: Reach) -> None:
    from reproaudit.record.torch_private import WORKER_LOOP

    original = WORKER_LOOP.value
    signature = inspect.signature(original)

    # `wraps` keeps name and module: a spawned worker is sent these alone, and finds by them the
    # function that is installed there.
    @functools.wraps(original)
    def _worker_loop(*args: Any, **kwargs: Any) -> None:
        call = signature.bind(*args, **kwargs)
        given = call.arguments
        # The loop has seeded everything from the same two numbers when it comes to the program's
        # function.
        init_fn = given["init_fn"]
        if init_fn is not None:
            seed = given["base_seed"] + given["worker_id"]
            given["init_fn"] = _follow_with_seeds(init_fn, seed)
        original(*call.args, **call.kwargs)

    reach.patches.replace(WORKER_LOOP.owner, WORKER_LOOP.name, _worker_loop)


def _follow_with_seeds(init_fn: Callable[[int], None], seed: int) -> Callable[[int], None]:
    """Return `init_fn` followed by seeds for those generators that it touched.

    They are those of the recipe in PyTorch's documentation. So a program that follows the recipe,
    or leaves a generator to the loop, gets what it gets without the repair.
    """
    import torch

    from reproaudit.record.state.rng import numpy_state, python_state

    short_seed = seed % _NUMPY_SEEDS

    def seed_python() -> None:
        _seed_python(short_seed)

    def seed_numpy() -> None:
        _seed_numpy(short_seed)

    def seed_torch() -> None:
        torch.manual_seed(seed)

    generators: tuple[tuple[Callable[[], Any], Callable[[], None]], ...] = (
        (python_state, seed_python),
        (numpy_state, seed_numpy),
        # Not its state: a function that only draws from torch keeps the loop's seed.
        (torch.initial_seed, seed_torch),
    )

    def init_and_seed(worker_id: int) -> None:
        before = [state() for state, _ in generators]
        init_fn(worker_id)
        for (state, seed_again), was in zip(generators, before, strict=True):
            if state() != was:
                seed_again()

    return init_and_seed
