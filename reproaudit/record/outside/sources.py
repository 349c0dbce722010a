"""The table of calls that bring the outside world into a program: which are wrapped, and what is
told of each.

Not in it, because nothing can be wrapped: `id()` and the order of sets and dictionaries of strings,
which the interpreter computes by itself. `entropy` notes once that string hashes are random.
"""

from __future__ import annotations

import _random
import concurrent.futures
import glob
import multiprocessing.connection
import multiprocessing.pool
import multiprocessing.queues
import os
import pathlib
import platform
import queue
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import torch

from reproaudit.record.state import rng

MAX_REPR = 4096
_MAX_ROWS = 1000

CLOCKS = (
    "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns thread_time "
    "thread_time_ns clock_gettime"
).split()
RANDOM_DRAWS = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate lognormvariate "
    "expovariate vonmisesvariate gammavariate gauss betavariate paretovariate weibullvariate getrandbits randbytes"
).split()
_getstate = _random.Random.getstate  # not a subclass's own


class Callers(Enum):
    """Whose calls count: the program's alone, those of installed libraries too, or also those
    through Python's own."""

    PROGRAM = 1
    DIRECT = 2
    ANY = 3


class Told(NamedTuple):
    """What is recorded of a result: a short text for readers, and what decides whether two results
    are equal."""

    shown: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """One call. `state` reads what it draws from; `value(result, args, kwargs)` chooses what is
    told of the result, and None that only the call itself is; `counts(args, kwargs)` says after the
    call whether it is recorded at all."""

    owner: Any
    attribute: str
    name: str
    state: Callable[[], tuple[int, int] | None] | None = None
    value: Callable[[Any, Any, Any], Any] | None = None
    callers: Callers = Callers.DIRECT
    counts: Callable[[Any, Any], bool] | None = None


def sources() -> Iterator[Source]:
    """Yield the whole table, for the modules that are imported now."""
    yield from _clocks()
    yield from _python_random()
    yield from _numpy_random()
    yield from _operating_system()
    yield from _files()
    yield from _subprocesses()
    yield from _sqlite()
    yield from _arrivals()
    yield from _torch_calls()


def _clocks() -> Iterator[Source]:
    # Libraries look at clocks all the time, to measure themselves.
    for clock in CLOCKS:
        yield Source(time, clock, f"time.{clock}", callers=Callers.PROGRAM)
    for function in ("localtime", "gmtime", "ctime"):
        yield Source(
            time, function, f"time.{function}", callers=Callers.PROGRAM, counts=_without_time(0)
        )
    yield Source(
        time, "strftime", "time.strftime", callers=Callers.PROGRAM, counts=_without_time(1)
    )


def _without_time(position: int) -> Callable[[Any, Any], bool]:
    return lambda args, kwargs: len(args) <= position or args[position] is None


def _python_random() -> Iterator[Source]:
    for draw in RANDOM_DRAWS:
        yield Source(random, draw, f"random.{draw}", rng.python_state)
    yield Source(random, "seed", "random.seed", value=_seed_of(lambda args: args, random.getstate))
    yield Source(
        random.Random,
        "__init__",
        "random.Random",
        counts=_draws_numbers,
        value=_seed_of_method,
    )
    yield Source(
        random.Random, "seed", "random.Random.seed", counts=_draws_numbers, value=_seed_of_method
    )
    for method in ("random", "getrandbits"):
        # Its other methods live in Python's own `random` module and call these two.
        yield Source(
            random.SystemRandom, method, f"random.SystemRandom.{method}", callers=Callers.ANY
        )
    for function in (
        "randbelow",
        "token_bytes",
        "token_hex",
        "token_urlsafe",
        "randbits",
        "choice",
    ):
        yield Source(secrets, function, f"secrets.{function}")


def _draws_numbers(args: Any, kwargs: Any) -> bool:
    return not isinstance(args[0], random.SystemRandom)  # which has no state


def _seed_of_method(result: Any, args: Any, kwargs: Any) -> Any:
    return _seed_of(lambda args: args[1:], lambda: _getstate(args[0]))(result, args, kwargs)


def _seed_of(
    given: Callable[[Any], Any], state: Callable[[], Any]
) -> Callable[[Any, Any, Any], Any]:
    """Tell a seeding by its seed; without one the operating system was asked, and the new state
    tells what it said."""

    def value(result: Any, args: Any, kwargs: Any) -> Any:
        seed = (*given(args), *kwargs.values())
        return seed if seed and seed[0] is not None else Told("no seed", repr(state()).encode())

    return value


def _numpy_random() -> Iterator[Source]:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    legacy = numpy.random.mtrand._rand
    for attribute, member in list(vars(numpy.random).items()):
        if getattr(member, "__self__", None) is legacy and attribute not in (
            "get_state",
            "set_state",
            "seed",
        ):
            yield Source(
                numpy.random, attribute, f"numpy.random.{attribute}", rng.numpy_state, _arrays
            )
    yield Source(numpy.random, "seed", "numpy.random.seed", value=_arguments)
    yield Source(numpy.random, "default_rng", "numpy.random.default_rng", value=_numpy_seed)
    # Every generator that is made or seeded without a seed asks here for one: default_rng,
    # RandomState, PCG64, …
    yield Source(numpy.random.bit_generator, "randbits", "numpy.random.SeedSequence")
    # RandomState(seed) asks too, and then does not use the answer: this call, which follows at
    # once, tells so.
    yield Source(
        numpy.random.MT19937,
        "_legacy_seeding",
        "numpy.random.RandomState",
        value=lambda result, args, kwargs: args[1:],
        counts=lambda args, kwargs: args[1] is not None,
    )


def _numpy_seed(result: Any, args: Any, kwargs: Any) -> Any:
    given = _arguments(result, args, kwargs)
    # A generator that is passed through has no seed, and is shown by its address.
    return (
        None
        if any(hasattr(seed, "bit_generator") or hasattr(seed, "random_raw") for seed in given)
        else given
    )


def _operating_system() -> Iterator[Source]:
    yield Source(os, "urandom", "os.urandom")
    for function in ("getpid", "getppid", "times"):
        yield Source(os, function, f"os.{function}", callers=Callers.PROGRAM)
    for function in ("uuid1", "uuid4"):
        yield Source(uuid, function, f"uuid.{function}")
    yield Source(platform, "node", "platform.node", callers=Callers.PROGRAM)
    yield Source(socket, "gethostname", "socket.gethostname", callers=Callers.PROGRAM)


def _files() -> Iterator[Source]:
    for function in ("getmtime", "getctime", "getatime", "exists", "isfile", "isdir"):
        yield Source(os.path, function, f"os.path.{function}")
    yield Source(os, "stat", "os.stat", value=_times, callers=Callers.PROGRAM)
    yield Source(pathlib.Path, "stat", "pathlib.Path.stat", value=_times, callers=Callers.PROGRAM)
    yield Source(os, "listdir", "os.listdir")
    yield Source(glob, "glob", "glob.glob")
    yield Source(os, "scandir", "os.scandir", value=_presence)
    yield Source(pathlib.Path, "exists", "pathlib.Path.exists")
    for method in ("iterdir", "glob", "rglob"):
        yield Source(pathlib.Path, method, f"pathlib.Path.{method}", value=_presence)
    for function, value in (
        ("mkdtemp", None),
        ("mkstemp", lambda result, args, kwargs: result[1]),
        ("NamedTemporaryFile", lambda result, args, kwargs: result.name),
    ):
        yield Source(
            tempfile, function, f"tempfile.{function}", value=value, callers=Callers.PROGRAM
        )
    yield Source(
        tempfile.TemporaryDirectory,
        "__init__",
        "tempfile.TemporaryDirectory",
        value=lambda result, args, kwargs: args[0].name,
        callers=Callers.PROGRAM,
    )


def _times(result: Any, args: Any, kwargs: Any) -> Any:
    return result.st_mtime_ns


def _subprocesses() -> Iterator[Source]:
    yield Source(
        subprocess,
        "run",
        "subprocess.run",
        value=lambda result, args, kwargs: _output(result.stdout),
    )
    for function in ("check_output", "getoutput", "getstatusoutput"):
        yield Source(
            subprocess,
            function,
            f"subprocess.{function}",
            value=lambda result, args, kwargs: _output(result),
        )
    yield Source(subprocess.Popen, "__init__", "subprocess.Popen", value=_presence)
    yield Source(
        subprocess.Popen,
        "communicate",
        "subprocess.Popen.communicate",
        value=lambda result, args, kwargs: _output(result[0]),
    )


def _output(text: Any) -> Any:
    """Tell captured output in full; None if it was not captured."""
    if text is None:
        return None
    content = text if isinstance(text, bytes) else str(text).encode(errors="backslashreplace")
    return Told(repr(text[:MAX_REPR]), content)


def _sqlite() -> Iterator[Source]:
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None:
        return
    for owner in (sqlite3.Connection, sqlite3.Cursor):
        for method in ("execute", "executemany"):
            yield Source(
                owner, method, "sqlite3.random()", value=_presence, counts=_is_random_query
            )
            yield Source(
                owner, method, f"sqlite3.{method}", value=_presence, counts=_is_plain_query
            )
    for method in ("fetchone", "fetchmany", "fetchall"):
        yield Source(sqlite3.Cursor, method, f"sqlite3.{method}", value=_rows)


def _is_random_query(args: Any, kwargs: Any) -> bool:
    query = args[1].casefold()
    return "random(" in query or "randomblob(" in query


def _is_plain_query(args: Any, kwargs: Any) -> bool:
    return not _is_random_query(args, kwargs)


def _rows(result: Any, args: Any, kwargs: Any) -> Any:
    """Tell the first rows that were fetched, unless the program makes objects of its own of them."""
    rows = result[:_MAX_ROWS] if isinstance(result, list) else [result]
    if not all(row is None or isinstance(row, (tuple, sys.modules["sqlite3"].Row)) for row in rows):
        return None
    shown = repr([row and tuple(row) for row in rows])
    return Told(shown, shown.encode(errors="backslashreplace"))


def _arrivals() -> Iterator[Source]:
    """Calls that hand out results in the order in which others finish: that they are made is all
    there is to tell."""
    for owner, attribute, name in (
        (multiprocessing.pool.Pool, "imap_unordered", "multiprocessing.Pool.imap_unordered"),
        (multiprocessing.queues.Queue, "get", "multiprocessing.Queue.get"),
        (multiprocessing.queues.SimpleQueue, "get", "multiprocessing.SimpleQueue.get"),
        (multiprocessing.connection._ConnectionBase, "recv", "multiprocessing.Connection.recv"),
        (multiprocessing.connection, "wait", "multiprocessing.connection.wait"),
        (concurrent.futures, "as_completed", "concurrent.futures.as_completed"),
        (concurrent.futures, "wait", "concurrent.futures.wait"),
        (queue.Queue, "get", "queue.Queue.get"),
        (queue.SimpleQueue, "get", "queue.SimpleQueue.get"),
        (sys.modules.get("asyncio"), "as_completed", "asyncio.as_completed"),
    ):
        yield Source(owner, attribute, name, value=_presence)
    yield Source(
        torch.utils.data.DataLoader,
        "__init__",
        "torch.utils.data.DataLoader(in_order=False)",
        value=_presence,
        counts=lambda args, kwargs: (
            args[0].num_workers > 0 and not getattr(args[0], "in_order", True)
        ),
    )


def _torch_calls() -> Iterator[Source]:
    for owner in (torch, torch.random):
        yield Source(owner, "manual_seed", "torch.manual_seed", value=_arguments)
        yield Source(owner, "seed", "torch.seed")
    yield Source(torch.Generator, "seed", "torch.Generator.seed")


def _arguments(result: Any, args: Any, kwargs: Any) -> Any:
    """Tell a seeding call by what it was given: None means that it asked the operating system."""
    return (*args, *kwargs.values()) if args or kwargs else (None,)


def _presence(result: Any, args: Any, kwargs: Any) -> Any:
    """Tell only that the call was made: its results are objects or come later."""
    return None


def _arrays(result: Any, args: Any, kwargs: Any) -> Any:
    return result.tobytes()[:MAX_REPR] if hasattr(result, "tobytes") else result
