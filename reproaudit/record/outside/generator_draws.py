"""Records which line draws from generators that the program made itself, of Python and NumPy.

Those of torch are seen as operators, and the global streams by `random_calls`. Only what a plan
asks for it: a method that is called a million times becomes slower.
"""

from __future__ import annotations

import functools
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import OWN
from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.entropy import is_importing
from reproaudit.record.outside.library_calls import find_library_call
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.session import Recorder
from reproaudit.record.state.generators import state_of
from reproaudit.trace.words import CALLS_PER_LINE, NUMPY_GENERATOR, NUMPY_STATE, PYTHON_GENERATOR

_NO_VALUE = (0, 0)
_PYTHONS_OWN: Any = getattr(
    random.random, "__self__", None
)  # what the functions of the module draw from
_NO_DRAWS = frozenset({"seed", "get_state", "set_state", "bit_generator", "spawn", "getstate"})
_PYTHON_DRAWS = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate "
    "lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate paretovariate "
    "weibullvariate getrandbits randbytes"
).split()


class GeneratorDraws:
    """Installs the wrappers: each records its line and the state that it draws from."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._seen: dict[tuple[str, int], int] = {}
        self._within = threading.local()  # one draw may be made of others

    def install(self, when_imported: WhenImported) -> None:
        for name in _PYTHON_DRAWS:
            if hasattr(random.Random, name):
                self._wrap(random.Random, name, PYTHON_GENERATOR)
        # By itself NumPy imports it when it is first used.
        when_imported("numpy.random", self._wrap_numpy)

    def _wrap_numpy(self) -> None:
        numpy_random = sys.modules["numpy.random"]
        for owner, kind in (
            (numpy_random.Generator, NUMPY_GENERATOR),
            (numpy_random.RandomState, NUMPY_STATE),
        ):
            for name in list(_list_methods(owner)):
                self._wrap(owner, name, kind)

    def _wrap(self, owner: type, name: str, kind: str) -> None:
        wrapper = self._make_wrapper(getattr(owner, name), f"{kind}.{name}")
        replace_member(self._patches, owner, name, wrapper)

    def _make_wrapper(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def draw(generator: Any, /, *args: Any, **kwargs: Any) -> Any:
            within = self._within
            if getattr(within, "draws", False) or _is_global(generator):
                return original(generator, *args, **kwargs)
            within.draws = True
            try:
                self._record(generator, name)
                return original(generator, *args, **kwargs)
            finally:
                within.draws = False

        return draw

    def _record(self, generator: Any, name: str) -> None:
        recorder = self._recorder
        frame = outer_frame(2)
        kind_of = recorder.sites.kinds.of
        # Python's own library draws names for temporary files, and others what they never use.
        if frame is None or kind_of(frame.f_code) == OWN or is_importing(frame, kind_of):
            return
        if not recorder.listens():
            return
        site = recorder.sites.here(3)
        key = (name, site)
        count = self._seen.get(key, 0)
        if count >= CALLS_PER_LINE:
            return
        self._seen[key] = count + 1
        try:
            state = state_of(generator)
        except Exception as error:  # a bit generator may be of any make
            recorder.note_failure(name, error)
            return
        recorder.emit_entropy(
            name,
            digest=_NO_VALUE,
            before=state,
            shown="",
            site=site,
            below=find_library_call(frame, name, recorder.sites.kinds),
        )


def _list_methods(owner: type) -> Iterator[str]:
    """Yield the names of the methods that draw."""
    for name, member in vars(owner).items():
        if not name.startswith("_") and name not in _NO_DRAWS and callable(member):
            yield name


def _is_global(generator: Any) -> bool:
    """Return True for what draws from a stream that is watched otherwise, or that has no state."""
    if generator is _PYTHONS_OWN or isinstance(generator, random.SystemRandom):
        return True
    numpy_random = sys.modules.get("numpy.random")
    return numpy_random is not None and generator is numpy_random.mtrand._rand
