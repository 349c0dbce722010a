"""Fixed entropy for NumPy's new generators and seed sequences that are made without a seed."""

from __future__ import annotations

import functools
import sys

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import FixedStream, real_bits
from reproaudit.record.repairs.numpy_seeds import feed_legacy, is_legacy_fed


def install(reach: Reach) -> None:
    """Give each of them other entropy, in the order in which a process makes them."""
    stream = FixedStream("numpy generators", reach)
    reach.when_imported("numpy.random", functools.partial(_replace_entropy, reach.patches, stream))


def _replace_entropy(patches: Patches, stream: FixedStream) -> None:
    if not is_legacy_fed():
        # Legacy generators draw from the same function, and are a cause with an advice of its own.
        feed_legacy(patches, functools.partial(real_bits, 32))

    def randbits(bits: int) -> int:
        return stream.number(bits)

    # SeedSequence looks the name up at each call.
    patches.replace(sys.modules["numpy.random.bit_generator"], "randbits", randbits)
