"""The global random streams of Python, NumPy and torch: which of them a statement drew from."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from reproaudit.record.digest.tensors import Digest
from reproaudit.record.state import rng

_getstate = random.getstate


@dataclass(frozen=True, slots=True)
class StreamMove:
    """One stream whose state changed: "python", "numpy" or "torch", and its states."""

    name: str
    before: Digest
    after: Digest


class RandomStreams:
    """Remembers the state that each stream had when it was last looked at."""

    def __init__(self) -> None:
        self._python: object = None
        self._states: dict[str, Digest] = {}

    def find_moves(self) -> list[StreamMove]:
        """Return the streams that moved since the last call; the first call finds none."""
        moves = []
        for name, state in self._read_states():
            before = self._states.get(name, state)
            self._states[name] = state
            if state != before:
                moves.append(StreamMove(name, before, state))
        return moves

    def _read_states(self) -> Iterator[tuple[str, Digest]]:
        """Yield name and state of each stream that may have moved."""
        _, internal, gauss = _getstate()
        # Most statements draw nothing, and a digest of Python's 625 numbers takes ten times as long
        # as this hash of them.
        python = hash(internal), gauss
        if python != self._python:
            self._python = python
            yield "python", rng.python_state()
        legacy = _read_numpy_state()
        if legacy is not None:
            yield "numpy", legacy
        yield "torch", rng.generator_state(torch.default_generator)


def _read_numpy_state() -> Digest | None:
    """Return the state of NumPy's legacy stream; None if it is not there yet, or in use.

    `shuffle` holds the stream's lock while it calls the program's code, in this thread or another
    one. To wait for the lock could last for ever.
    """
    # NumPy imports its random module when it is first asked for.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    lock = numpy_random.mtrand._rand._bit_generator.lock
    if not lock.acquire(blocking=False):
        return None
    lock.release()
    return rng.numpy_state()
