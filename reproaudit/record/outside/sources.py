"""The table of calls that bring the outside world into a program, and what is recorded of each.

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
from typing import Any

import torch

from reproaudit.record.outside.watched_calls import CallerScope, RecordedValue, WatchedCall
from reproaudit.record.state import rng

MAX_REPR = 4096
_MAX_ROWS = 1000

CLOCKS = (
    "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time "
    "process_time_ns thread_time thread_time_ns clock_gettime"
).split()
RANDOM_DRAWS = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate "
    "lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate paretovariate "
    "weibullvariate getrandbits randbytes"
).split()
_getstate = _random.Random.getstate  # not a subclass's own


def list_watched_calls() -> Iterator[WatchedCall]:
    """Yield the whole table, for the modules that are imported now."""
    yield from _clock_calls()
    yield from _python_random_calls()
    yield from _numpy_random_calls()
    yield from _system_calls()
    yield from _file_calls()
    yield from _subprocess_calls()
    yield from _sqlite_calls()
    yield from _arrival_calls()
    yield from _torch_calls()


def _clock_calls() -> Iterator[WatchedCall]:
    # Libraries look at clocks all the time, to measure themselves.
    for clock in CLOCKS:
        yield WatchedCall(time, clock, f"time.{clock}", callers=CallerScope.PROGRAM)
    for function in ("localtime", "gmtime", "ctime"):
        yield WatchedCall(
            time, function, f"time.{function}", callers=CallerScope.PROGRAM, counts=_without_time(0)
        )
    yield WatchedCall(
        time, "strftime", "time.strftime", callers=CallerScope.PROGRAM, counts=_without_time(1)
    )


def _without_time(position: int) -> Callable[[Any, Any], bool]:
    """Return a test whether a call leaves out its time: only then it asks a clock."""

    def asks_clock(args: Any, kwargs: Any) -> bool:
        return len(args) <= position or args[position] is None

    return asks_clock


def _python_random_calls() -> Iterator[WatchedCall]:
    for draw in RANDOM_DRAWS:
        yield WatchedCall(random, draw, f"random.{draw}", rng.python_state)
    yield WatchedCall(random, "seed", "random.seed", value=_seed_of_function)
    yield WatchedCall(
        random.Random,
        "__init__",
        "random.Random",
        counts=_draws_numbers,
        value=_seed_of_method,
    )
    yield WatchedCall(
        random.Random, "seed", "random.Random.seed", counts=_draws_numbers, value=_seed_of_method
    )
    for method in ("random", "getrandbits"):
        # Its other methods live in Python's own `random` module and call these two.
        yield WatchedCall(
            random.SystemRandom, method, f"random.SystemRandom.{method}", callers=CallerScope.ANY
        )
    for function in (
        "randbelow",
        "token_bytes",
        "token_hex",
        "token_urlsafe",
        "randbits",
        "choice",
    ):
        yield WatchedCall(secrets, function, f"secrets.{function}")


def _draws_numbers(args: Any, kwargs: Any) -> bool:
    return not isinstance(args[0], random.SystemRandom)  # which has no state


def _seed_of_function(result: Any, args: Any, kwargs: Any) -> Any:
    return _seed_or_state((*args, *kwargs.values()), random.getstate)


def _seed_of_method(result: Any, args: Any, kwargs: Any) -> Any:
    generator, *given = args

    def read_state() -> Any:
        return _getstate(generator)

    return _seed_or_state((*given, *kwargs.values()), read_state)


def _seed_or_state(given: tuple[Any, ...], read_state: Callable[[], Any]) -> Any:
    """Return what a seeding is recorded by: its seed, or the state that it led to.

    Without a seed the operating system was asked for one, and only the new state shows its answer.
    """
    if given and given[0] is not None:
        return given
    return RecordedValue("no seed", repr(read_state()).encode())


def _numpy_random_calls() -> Iterator[WatchedCall]:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    legacy = numpy.random.mtrand._rand
    no_draws = ("get_state", "set_state", "seed")
    # The module's functions are methods of one hidden generator, bound when NumPy was imported.
    for attribute, member in list(vars(numpy.random).items()):
        is_of_legacy = getattr(member, "__self__", None) is legacy
        if is_of_legacy and attribute not in no_draws:
            yield WatchedCall(
                numpy.random,
                attribute,
                f"numpy.random.{attribute}",
                state=rng.numpy_state,
                value=_content,
            )
    yield WatchedCall(numpy.random, "seed", "numpy.random.seed", value=_arguments)
    yield WatchedCall(numpy.random, "default_rng", "numpy.random.default_rng", value=_numpy_seed)
    # Every generator that is made or seeded without a seed asks here for one: default_rng,
    # RandomState, PCG64, …
    yield WatchedCall(numpy.random.bit_generator, "randbits", "numpy.random.SeedSequence")
    # RandomState(seed) asks too, and then does not use the answer: this call, which follows at
    # once, shows it.
    yield WatchedCall(
        numpy.random.MT19937,
        "_legacy_seeding",
        "numpy.random.RandomState",
        value=_legacy_seed,
        counts=_has_legacy_seed,
    )


def _legacy_seed(result: Any, args: Any, kwargs: Any) -> Any:
    return args[1:]


def _has_legacy_seed(args: Any, kwargs: Any) -> bool:
    return args[1] is not None


def _numpy_seed(result: Any, args: Any, kwargs: Any) -> Any:
    given = _arguments(result, args, kwargs)
    for seed in given:
        # A generator that is passed through has no seed, and is shown by its address.
        if hasattr(seed, "bit_generator") or hasattr(seed, "random_raw"):
            return None
    return given


def _system_calls() -> Iterator[WatchedCall]:
    yield WatchedCall(os, "urandom", "os.urandom")
    for function in ("getpid", "getppid", "times"):
        yield WatchedCall(os, function, f"os.{function}", callers=CallerScope.PROGRAM)
    for function in ("uuid1", "uuid4"):
        yield WatchedCall(uuid, function, f"uuid.{function}")
    yield WatchedCall(platform, "node", "platform.node", callers=CallerScope.PROGRAM)
    yield WatchedCall(socket, "gethostname", "socket.gethostname", callers=CallerScope.PROGRAM)


def _file_calls() -> Iterator[WatchedCall]:
    for function in ("getmtime", "getctime", "getatime", "exists", "isfile", "isdir"):
        yield WatchedCall(os.path, function, f"os.path.{function}")
    yield WatchedCall(os, "stat", "os.stat", value=_modification_time, callers=CallerScope.PROGRAM)
    yield WatchedCall(
        pathlib.Path,
        "stat",
        "pathlib.Path.stat",
        value=_modification_time,
        callers=CallerScope.PROGRAM,
    )
    yield WatchedCall(os, "listdir", "os.listdir")
    yield WatchedCall(glob, "glob", "glob.glob")
    yield WatchedCall(os, "scandir", "os.scandir", value=_presence)
    yield WatchedCall(pathlib.Path, "exists", "pathlib.Path.exists")
    for method in ("iterdir", "glob", "rglob"):
        yield WatchedCall(pathlib.Path, method, f"pathlib.Path.{method}", value=_presence)
    program = CallerScope.PROGRAM
    yield WatchedCall(tempfile, "mkdtemp", "tempfile.mkdtemp", callers=program)
    yield WatchedCall(
        tempfile, "mkstemp", "tempfile.mkstemp", value=_path_of_mkstemp, callers=program
    )
    yield WatchedCall(
        tempfile,
        "NamedTemporaryFile",
        "tempfile.NamedTemporaryFile",
        value=_name_of_file,
        callers=program,
    )
    yield WatchedCall(
        tempfile.TemporaryDirectory,
        "__init__",
        "tempfile.TemporaryDirectory",
        value=_name_of_folder,
        callers=program,
    )


def _path_of_mkstemp(result: Any, args: Any, kwargs: Any) -> Any:
    _, path = result  # the first is the number of an open file
    return path


def _name_of_file(result: Any, args: Any, kwargs: Any) -> Any:
    return result.name


def _name_of_folder(result: Any, args: Any, kwargs: Any) -> Any:
    return args[0].name  # of an initialiser, which returns nothing


def _modification_time(result: Any, args: Any, kwargs: Any) -> Any:
    return result.st_mtime_ns


def _subprocess_calls() -> Iterator[WatchedCall]:
    yield WatchedCall(subprocess, "run", "subprocess.run", value=_output_of_run)
    for function in ("check_output", "getoutput", "getstatusoutput"):
        yield WatchedCall(subprocess, function, f"subprocess.{function}", value=_returned_output)
    yield WatchedCall(subprocess.Popen, "__init__", "subprocess.Popen", value=_presence)
    yield WatchedCall(
        subprocess.Popen,
        "communicate",
        "subprocess.Popen.communicate",
        value=_output_of_communicate,
    )


def _output_of_run(result: Any, args: Any, kwargs: Any) -> Any:
    return _output(result.stdout)


def _returned_output(result: Any, args: Any, kwargs: Any) -> Any:
    return _output(result)


def _output_of_communicate(result: Any, args: Any, kwargs: Any) -> Any:
    return _output(result[0])


def _output(text: Any) -> Any:
    """Return captured output, compared in full; None if it was not captured."""
    if text is None:
        return None
    content = text if isinstance(text, bytes) else str(text).encode(errors="backslashreplace")
    return RecordedValue(repr(text[:MAX_REPR]), content)


def _sqlite_calls() -> Iterator[WatchedCall]:
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None:
        return
    for owner in (sqlite3.Connection, sqlite3.Cursor):
        for method in ("execute", "executemany"):
            yield WatchedCall(
                owner, method, "sqlite3.random()", value=_presence, counts=_is_random_query
            )
            yield WatchedCall(
                owner, method, f"sqlite3.{method}", value=_presence, counts=_is_plain_query
            )
    for method in ("fetchone", "fetchmany", "fetchall"):
        yield WatchedCall(sqlite3.Cursor, method, f"sqlite3.{method}", value=_rows)


def _is_random_query(args: Any, kwargs: Any) -> bool:
    query = args[1].casefold()
    return "random(" in query or "randomblob(" in query


def _is_plain_query(args: Any, kwargs: Any) -> bool:
    return not _is_random_query(args, kwargs)


def _rows(result: Any, args: Any, kwargs: Any) -> Any:
    """Return the first rows that were fetched, unless they are objects of the program's own."""
    rows = result[:_MAX_ROWS] if isinstance(result, list) else [result]
    plain = (tuple, type(None), sys.modules["sqlite3"].Row)
    if not all(isinstance(row, plain) for row in rows):
        return None
    shown = repr([row and tuple(row) for row in rows])
    return RecordedValue(shown, shown.encode(errors="backslashreplace"))


def _arrival_calls() -> Iterator[WatchedCall]:
    """Yield calls that hand out results in the order in which others finish.

    Only that they are made is recorded: the results show in what the program makes of them.
    """
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
        yield WatchedCall(owner, attribute, name, value=_presence)
    yield WatchedCall(
        torch.utils.data.DataLoader,
        "__init__",
        "torch.utils.data.DataLoader(in_order=False)",
        value=_presence,
        counts=_is_unordered,
    )


def _is_unordered(args: Any, kwargs: Any) -> bool:
    loader = args[0]
    return loader.num_workers > 0 and not getattr(loader, "in_order", True)


def _torch_calls() -> Iterator[WatchedCall]:
    for owner in (torch, torch.random):
        yield WatchedCall(owner, "manual_seed", "torch.manual_seed", value=_arguments)
        yield WatchedCall(owner, "seed", "torch.seed")
    yield WatchedCall(torch.Generator, "seed", "torch.Generator.seed")


def _arguments(result: Any, args: Any, kwargs: Any) -> Any:
    """Return what a seeding call was given: None means that it asked the operating system."""
    if not args and not kwargs:
        return (None,)
    return (*args, *kwargs.values())


def _presence(result: Any, args: Any, kwargs: Any) -> Any:
    """Record only that the call was made: its results are objects or come later."""
    return None


def _content(result: Any, args: Any, kwargs: Any) -> Any:
    """Return the first bytes of an array: its repr leaves out the middle and rounds."""
    if hasattr(result, "tobytes"):
        return result.tobytes()[:MAX_REPR]
    return result
