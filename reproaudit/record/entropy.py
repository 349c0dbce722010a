"""Thin wrappers around the calls that bring the outside world into a program. Results are passed on unchanged."""

from __future__ import annotations

import concurrent.futures
import functools
import glob
import multiprocessing.pool
import os
import pathlib
import queue
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import torch
import xxhash

from reproaudit.record import rng
from reproaudit.record.patching import Patches
from reproaudit.record.session import Recorder

_xxh64 = xxhash.xxh3_64_intdigest
_MAX_PER_SITE = 64  # calls recorded per name and line: the first ones tell whether a stream was equal
_MAX_SHOWN = 60
_MAX_REPR = 4096
_NOTHING = (0, 0)

CLOCKS = (
    "time",
    "time_ns",
    "perf_counter",
    "perf_counter_ns",
    "monotonic",
    "monotonic_ns",
    "process_time",
    "thread_time",
)
RANDOM_DRAWS = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate lognormvariate "
    "expovariate vonmisesvariate gammavariate gauss betavariate paretovariate weibullvariate getrandbits randbytes"
).split()


class Entropy:
    """Installs the wrappers; each records name, user line, a digest of the result and of the state drawn from."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._seen: dict[tuple[str, int], int] = {}

    def install(self) -> None:
        self._clocks()
        self._python_random()
        self._operating_system()
        self._arrivals()
        self._torch_calls()
        if "numpy" in sys.modules:
            self._numpy_random()

    def _wrap(
        self, owner: Any, attribute: str, name: str, before: Callable[[], tuple[int, int] | None] | None = None,
        value: Callable[[Any, Any, Any], Any] | None = None, through_stdlib: bool = False, program_only: bool = False,
    ) -> None:  # fmt: skip
        """Replace `owner.attribute`; `value(result, args, kwargs)` chooses what is digested and shown."""
        original = getattr(owner, attribute, None)
        if original is None:
            return

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            recorder = self._recorder
            is_theirs = through_stdlib or recorder.sites.is_direct(2, program_only=program_only)
            if not recorder.listens() or not is_theirs:
                return original(*args, **kwargs)
            site = recorder.sites.here(2)
            count = self._seen.get((name, site), 0)
            if count >= _MAX_PER_SITE:
                return original(*args, **kwargs)
            self._seen[name, site] = count + 1
            state = (before() or _NOTHING) if before is not None else _NOTHING
            result = original(*args, **kwargs)
            told = result if value is None else value(result, args, kwargs)
            shown = repr(told)[:_MAX_REPR] if told is not None else ""
            recorder.emit_entropy(
                name,
                (_xxh64(shown.encode(errors="backslashreplace")), 0) if shown else _NOTHING,
                state,
                shown[:_MAX_SHOWN],
                site,
            )
            return result

        self._patches.replace(owner, attribute, wrapper)

    def _clocks(self) -> None:
        for clock in CLOCKS:
            # Libraries look at clocks all the time, to measure themselves.
            self._wrap(time, clock, f"time.{clock}", program_only=True)

    def _python_random(self) -> None:
        for draw in RANDOM_DRAWS:
            self._wrap(random, draw, f"random.{draw}", rng.python_state)
        self._wrap(random, "seed", "random.seed", value=_arguments)
        for method in ("random", "getrandbits"):
            # Its other methods live in Python's own `random` module and call these two.
            self._wrap(random.SystemRandom, method, f"random.SystemRandom.{method}", through_stdlib=True)
        for function in ("randbelow", "token_bytes", "token_hex", "token_urlsafe", "randbits", "choice"):
            self._wrap(secrets, function, f"secrets.{function}")

    def _numpy_random(self) -> None:
        import numpy

        legacy = numpy.random.mtrand._rand
        for attribute, member in list(vars(numpy.random).items()):
            if getattr(member, "__self__", None) is legacy and attribute not in ("get_state", "set_state", "seed"):
                self._wrap(numpy.random, attribute, f"numpy.random.{attribute}", rng.numpy_state, _arrays)
        self._wrap(numpy.random, "seed", "numpy.random.seed", value=_arguments)
        self._wrap(numpy.random, "default_rng", "numpy.random.default_rng", value=_arguments)

    def _operating_system(self) -> None:
        self._wrap(os, "urandom", "os.urandom")
        self._wrap(os, "getpid", "os.getpid", program_only=True)
        for function in ("uuid1", "uuid4"):
            self._wrap(uuid, function, f"uuid.{function}")
        for function in ("getmtime", "getctime", "getatime", "exists", "isfile", "isdir"):
            self._wrap(os.path, function, f"os.path.{function}")
        self._wrap(os, "listdir", "os.listdir")
        self._wrap(glob, "glob", "glob.glob")
        self._wrap(os, "scandir", "os.scandir", value=_presence)
        self._wrap(pathlib.Path, "exists", "pathlib.Path.exists")
        for method in ("iterdir", "glob", "rglob"):
            self._wrap(pathlib.Path, method, f"pathlib.Path.{method}", value=_presence)

    def _arrivals(self) -> None:
        self._wrap(multiprocessing.pool.Pool, "imap_unordered", "multiprocessing.Pool.imap_unordered", value=_presence)
        self._wrap(concurrent.futures, "as_completed", "concurrent.futures.as_completed", value=_presence)
        self._wrap(queue.Queue, "get", "queue.Queue.get", value=_presence)

    def _torch_calls(self) -> None:
        for owner in (torch, torch.random):
            self._wrap(owner, "manual_seed", "torch.manual_seed", value=_arguments)
            self._wrap(owner, "seed", "torch.seed", value=lambda result, args, kwargs: result)


def _arguments(result: Any, args: Any, kwargs: Any) -> Any:
    """Tell a seeding call by what it was given: None means that it asked the operating system."""
    return (*args, *kwargs.values()) if args or kwargs else (None,)


def _presence(result: Any, args: Any, kwargs: Any) -> Any:
    """Tell only that the call was made: its results are objects or come later."""
    return None


def _arrays(result: Any, args: Any, kwargs: Any) -> Any:
    return result.tobytes()[:_MAX_REPR] if hasattr(result, "tobytes") else result
