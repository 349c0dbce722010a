"""Random streams: the global ones, and the generators of loaders and of the program itself."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch

from reproaudit.model.question import StateKind
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.generators import state_of
from reproaudit.record.training_state.pieces import Named, Pieces, Reading
from reproaudit.trace.words import StateMoment

_SHOWN = {"python": "Python", "numpy": "NumPy", "torch.cpu": "torch CPU"}


class StreamPieces:
    """Looks at all random streams, and at the calls that seed them or put states in their place."""

    def __init__(self, recorder: Recorder, pieces: Pieces, patches: Patches) -> None:
        self._recorder = recorder
        self._pieces = pieces
        self._patches = patches
        self._global = rng.Streams()
        self.generators = Named()  # that are no global stream

    def install(self, when_imported: WhenImported) -> None:
        for owner in (torch, torch.random):
            self._watch(owner, "set_rng_state", StateMoment.RESTORED)
            self._watch(owner, "get_rng_state", StateMoment.PROGRAM)
            self._watch(owner, "manual_seed", StateMoment.SEEDED)
        for name in ("set_rng_state", "set_rng_state_all"):
            self._watch(torch.cuda, name, StateMoment.RESTORED)
        python: tuple[Any, ...] = (random, random.Random)
        for owner in python:
            self._watch(owner, "setstate", StateMoment.RESTORED)
            self._watch(owner, "seed", StateMoment.SEEDED)
        self._watch(random, "getstate", StateMoment.PROGRAM)
        when_imported("numpy.random", self._watch_numpy)

    def _watch_numpy(self) -> None:
        owner = sys.modules["numpy.random"]
        self._watch(owner, "set_state", StateMoment.RESTORED)
        self._watch(owner, "get_state", StateMoment.PROGRAM)
        self._watch(owner, "seed", StateMoment.SEEDED)

    def _watch(self, owner: Any, name: str, moment: StateMoment) -> None:
        original = getattr(owner, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._pieces.listens():
                return original(*args, **kwargs)
            site = self._recorder.sites.here()
            self.look(StateMoment.PROGRAM, site=site)
            result = original(*args, **kwargs)
            self.look(moment, site=site)
            return result

        self._patches.replace(owner, name, call)

    def read(self) -> Iterator[Reading]:
        """Yield all streams as they are."""
        for name, state in self._global.digests():
            shown = _SHOWN.get(name, name.replace("torch.cuda:", "torch CUDA:"))
            yield Reading(StateKind.RANDOM_STREAM, shown, state, signs=frozenset((state,)))
        for name, generator in self.generators:
            state = state_of(generator)
            yield Reading(StateKind.RANDOM_STREAM, name, state, signs=frozenset((state,)))

    def look(self, moment: StateMoment, *, site: int) -> None:
        """Record the streams that have moved since the last look.

        One that a call has put in its place and that was there already shows nothing.
        """
        with Guest(self._recorder, "the states of random streams"):
            for reading in self.read():
                if self._pieces.has_changed(reading):
                    self._pieces.tell(reading, moment, site=site)
