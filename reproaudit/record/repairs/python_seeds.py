"""Fixed seeds for Python's random module, wherever it would ask the operating system for one."""

from __future__ import annotations

import functools
import random
import sys
from typing import Any

from reproaudit.record.repairs import SEED, Reach
from reproaudit.record.repairs.entropy import FixedStream

_seed_method = random.Random.seed
_global: random.Random = random.seed.__self__  # type: ignore[attr-defined]


def install(reach: Reach) -> None:
    """Seed the global generator, and each new one that is given no seed, by a number of its own."""
    stream = FixedStream("python", reach)

    @functools.wraps(_seed_method)
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        given = stream.number() if a is None else a
        _seed_method(self, given, version)

    reach.patches.replace(random.Random, "seed", seed)
    # The module's function is the method of the global generator, bound when it was imported.
    reach.patches.replace(random, "seed", _global.seed)
    reach.when_imported("tempfile", functools.partial(_spare_tempfile, reach))
    _seed_method(_global, SEED)

    def seed_child(number: int) -> None:
        _seed_method(_global, stream.number())

    # Python seeds the global generator of a forked child anew, by a call that was bound before ours
    # was in place.
    reach.after_fork(seed_child)


def _spare_tempfile(reach: Reach) -> None:
    """Leave temporary files their random names.

    With fixed ones, what earlier runs left over would decide which name is the first free.
    """

    class Unfixed(random.Random):
        seed = _seed_method

    reach.patches.replace(sys.modules["tempfile"], "_Random", Unfixed)
