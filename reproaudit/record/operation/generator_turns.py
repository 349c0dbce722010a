"""Which draws come after one of another thread from the same generator."""

from __future__ import annotations

import torch

from reproaudit.model.events import EventFlag
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import generator_key

_OWN_GENERATOR = int(EventFlag.OWN_GENERATOR)
_IN_TURNS = int(EventFlag.IN_TURNS)
_MOST_FOLLOWED = 256


class GeneratorTurns:
    """Follows the generators that ops are given, and which thread was the last to draw from each.

    Equal states do not tell it: two generators that were seeded alike have them too. Nothing is
    followed while the program has one thread.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # By the generator's address, with the generator: no other one gets the address meanwhile.
        self._last: dict[int, tuple[torch.Generator, int]] = {}

    def take(self, generator: torch.Generator) -> int:
        """Return the flags of an op that is about to draw from the generator in this thread."""
        if not self._recorder.has_threads:
            return _OWN_GENERATOR
        thread = self._recorder.thread()
        key = generator_key(generator)
        last = self._last.get(key)
        if last is not None and last[1] == thread:
            return _OWN_GENERATOR
        if last is None and len(self._last) >= _MOST_FOLLOWED:
            self._last.clear()
        self._last[key] = generator, thread
        return _OWN_GENERATOR if last is None else _OWN_GENERATOR | _IN_TURNS
