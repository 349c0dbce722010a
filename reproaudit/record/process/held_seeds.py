"""Gives calls that seed random streams what they were given in another run, under another seed.

All that is drawn is then drawn as there, and what differs between the two runs depends on the seed
in another way. Only if the plan asks for it.
"""

from __future__ import annotations

import functools
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reproaudit.config.held_seed import SEEDED_SAMPLER, HeldSeed, read_given
from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches

_WhenImported = Callable[[str, Callable[[], None]], None]


class HeldSeeds:
    """Replaces the calls that seed. `held` are those that are given something else."""

    def __init__(self, patches: Patches, held: Sequence[HeldSeed]) -> None:
        self._patches = patches
        self._within = threading.local()  # one seeding may be made of others
        self._tables: dict[str, dict[str, tuple[Any, ...]]] = {}
        for one in held:
            self._tables.setdefault(one.call, {})[one.found] = read_given(one.given)

    def install(self, when_imported: _WhenImported) -> None:
        self._replace(random, "seed", "random.seed")
        for method, name in (("__init__", "random.Random"), ("seed", "random.Random.seed")):
            self._replace(random.Random, method, name, skip=1)
        # By itself NumPy imports it when it is first used.
        when_imported("numpy.random", self._replace_numpy)
        when_imported("torch", self._replace_torch)
        when_imported("torch.utils.data.distributed", self._replace_sampler)

    def _replace_numpy(self) -> None:
        numpy_random = sys.modules["numpy.random"]
        self._replace(numpy_random, "seed", "numpy.random.seed")
        self._replace(numpy_random, "default_rng", "numpy.random.default_rng")
        kind = numpy_random.MT19937
        self._replace(kind, "_legacy_seeding", "numpy.random.RandomState", skip=1)

    def _replace_torch(self) -> None:
        torch = sys.modules["torch"]
        for owner in (torch, torch.random):
            self._replace(owner, "manual_seed", "torch.manual_seed")
        for name in ("manual_seed", "manual_seed_all"):
            # A device is mostly given the same number as the CPU, and is not recorded.
            self._replace(torch.cuda, name, "torch.manual_seed")
        name = "torch.Generator.manual_seed"
        self._replace(torch.Generator, "manual_seed", name, skip=1)

    def _replace_sampler(self) -> None:
        """Have samplers of ranks, which seed a generator in each epoch, begin with the number."""
        kind = sys.modules["torch.utils.data.distributed"].DistributedSampler
        table = self._tables.get(SEEDED_SAMPLER)
        if table is None:
            return
        original = kind.__init__

        @functools.wraps(original)
        def __init__(sampler: Any, /, *args: Any, **kwargs: Any) -> None:
            original(sampler, *args, **kwargs)
            given = table.get(repr((sampler.seed,)))
            if given is not None:
                (sampler.seed,) = given

        self._patches.replace(kind, "__init__", __init__)
        # What its generator is given is made of that number already.
        self._patches.replace(kind, "__iter__", self._wrap(kind.__iter__, {}, 0))

    def _replace(self, owner: Any, attribute: str, name: str, *, skip: int = 0) -> None:
        table = self._tables.get(name)
        if table is not None:
            wrapper = self._wrap(getattr(owner, attribute), table, skip)
            replace_member(self._patches, owner, attribute, wrapper)

    def _wrap(
        self, original: Callable[..., Any], table: Mapping[str, tuple[Any, ...]], skip: int
    ) -> Callable[..., Any]:
        within = self._within

        @functools.wraps(original)
        def seed(*args: Any, **kwargs: Any) -> Any:
            if getattr(within, "seeds", False):
                return original(*args, **kwargs)
            given = table.get(_show((*args[skip:], *kwargs.values())))
            if given is not None:
                count = len(args) - skip
                args = (*args[:skip], *given[:count])
                kwargs = dict(zip(kwargs, given[count:], strict=True))
            within.seeds = True
            try:
                return original(*args, **kwargs)
            finally:
                within.seeds = False

        return seed


def _show(given: tuple[Any, ...]) -> str:
    try:
        return repr(given)
    except Exception:  # an argument may be of a class of the program's, whose code fails
        return ""
