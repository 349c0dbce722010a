"""Fixed seeds for NumPy's legacy generators: the global one, and RandomState() without a seed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import SEED, Reach
from reproaudit.record.repairs.entropy import FixedStream


def install(reach: Reach) -> None:
    """Seed the global generator when NumPy is imported; give each other one a number of its own."""
    stream = FixedStream("numpy", reach)

    def seed_and_feed() -> None:
        feed_legacy(reach.patches, stream.number)
        sys.modules["numpy.random"].seed(SEED)

    reach.when_imported("numpy.random", seed_and_feed)


def is_legacy_fed() -> bool:
    """Return True if `feed_legacy` was called."""
    numpy_random: Any = sys.modules["numpy.random"]
    return numpy_random.mtrand._MT19937 is not numpy_random.MT19937


def feed_legacy(patches: Patches, draw: Callable[[], int]) -> None:
    """Let `draw` give the 32-bit seeds for which legacy generators would ask the operating system.

    They ask in RandomState(), seed() and seed(None). That is C code of NumPy, which looks up two
    names at each call: the generator's `_legacy_seeding`, and `_MT19937` in its module.
    """
    numpy_random: Any = sys.modules["numpy.random"]
    plain = numpy_random.MT19937
    original = vars(plain)["_legacy_seeding"]

    @functools.wraps(original)
    def _legacy_seeding(self: Any, seed: Any) -> Any:
        return original(self, draw() if seed is None else seed)

    # `numpy.random.seed` refuses a generator that is no instance of what the name `_MT19937` holds.
    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, plain)

    class Fed(metaclass=Kind):
        """Stands for MT19937, which RandomState calls: makes plain generators that have a seed."""

        def __new__(cls) -> Any:
            made = plain(0)
            made._legacy_seeding(draw())
            return made

    replace_member(patches, plain, "_legacy_seeding", _legacy_seeding)
    patches.replace(numpy_random.mtrand, "_MT19937", Fed)
