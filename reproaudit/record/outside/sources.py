"""The table of calls that bring the outside world into a program, and what is recorded of each.

Not in it, because nothing can be wrapped: `id()` and the order of sets and dictionaries of strings,
which the interpreter computes by itself. `entropy` notes once that string hashes are random.
"""

from __future__ import annotations

import concurrent.futures
import glob
import multiprocessing.connection
import multiprocessing.pool
import multiprocessing.queues
import multiprocessing.synchronize
import os
import pathlib
import platform
import queue
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from typing import Any

import torch

from reproaudit.record.outside import random_calls
from reproaudit.record.outside.watched_calls import (
    MAX_REPR,
    CallerScope,
    RecordedValue,
    WatchedCall,
    presence,
)

CLOCKS = (
    "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time "
    "process_time_ns thread_time thread_time_ns clock_gettime"
).split()


def list_watched_calls() -> Iterator[WatchedCall]:
    """Yield the whole table, for the modules that are imported now."""
    yield from _clock_calls()
    yield from random_calls.list_python_calls()
    yield from random_calls.list_numpy_calls()
    yield from _system_calls()
    yield from _file_calls()
    yield from _subprocess_calls()
    yield from _arrival_calls()
    yield from random_calls.list_torch_calls()


def _clock_calls() -> Iterator[WatchedCall]:
    # Libraries look at clocks all the time, to measure themselves.
    program = CallerScope.PROGRAM
    for clock in CLOCKS:
        yield WatchedCall(time, clock, f"time.{clock}", callers=program)
    for function in ("localtime", "gmtime", "ctime"):
        yield WatchedCall(
            time,
            function,
            f"time.{function}",
            callers=program,
            counts=_has_no_first_argument,
        )
    yield WatchedCall(
        time,
        "strftime",
        "time.strftime",
        callers=program,
        counts=_has_no_second_argument,
    )


# A call asks a clock only if it is not given its time.


def _has_no_first_argument(args: Any, kwargs: Any) -> bool:
    return not args or args[0] is None


def _has_no_second_argument(args: Any, kwargs: Any) -> bool:
    return len(args) < 2 or args[1] is None


def _system_calls() -> Iterator[WatchedCall]:
    yield WatchedCall(os, "urandom", "os.urandom")
    program = CallerScope.PROGRAM
    for function in ("getpid", "getppid", "times"):
        yield WatchedCall(os, function, f"os.{function}", callers=program)
    for function in ("uuid1", "uuid4"):
        yield WatchedCall(uuid, function, f"uuid.{function}")
    yield WatchedCall(platform, "node", "platform.node", callers=program)
    yield WatchedCall(socket, "gethostname", "socket.gethostname", callers=program)


def _file_calls() -> Iterator[WatchedCall]:
    program = CallerScope.PROGRAM
    for function in ("getmtime", "getctime", "getatime", "exists", "isfile", "isdir"):
        yield WatchedCall(os.path, function, f"os.path.{function}")
    yield WatchedCall(os, "stat", "os.stat", value=_modification_time, callers=program)
    yield WatchedCall(
        pathlib.Path,
        "stat",
        "pathlib.Path.stat",
        value=_modification_time,
        callers=program,
    )
    yield WatchedCall(os, "listdir", "os.listdir")
    yield WatchedCall(glob, "glob", "glob.glob")
    yield WatchedCall(os, "scandir", "os.scandir", value=presence)
    yield WatchedCall(pathlib.Path, "exists", "pathlib.Path.exists")
    for method in ("iterdir", "glob", "rglob"):
        yield WatchedCall(pathlib.Path, method, f"pathlib.Path.{method}", value=presence)
    yield WatchedCall(tempfile, "mkdtemp", "tempfile.mkdtemp", callers=program)
    yield WatchedCall(
        tempfile,
        "mkstemp",
        "tempfile.mkstemp",
        value=_path_of_mkstemp,
        callers=program,
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
    yield WatchedCall(subprocess.Popen, "__init__", "subprocess.Popen", value=presence)
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
    if isinstance(text, bytes):
        content = text
    else:
        content = str(text).encode(errors="backslashreplace")
    shown = repr(text[:MAX_REPR])
    return RecordedValue(shown, content)


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
    ):
        yield WatchedCall(owner, attribute, name, value=presence)
    # Of what is shared under a lock, as a cursor, each worker gets what the others left.
    yield WatchedCall(
        multiprocessing.synchronize.SemLock,
        "__enter__",
        "multiprocessing.Lock",
        value=presence,
        callers=CallerScope.PROGRAM,
        counts=_is_in_child,
    )
    yield WatchedCall(
        torch.utils.data.DataLoader,
        "__init__",
        "torch.utils.data.DataLoader(in_order=False)",
        value=presence,
        counts=_is_unordered,
    )


def _is_in_child(args: Any, kwargs: Any) -> bool:
    return multiprocessing.parent_process() is not None


def _is_unordered(args: Any, kwargs: Any) -> bool:
    loader = args[0]
    if loader.num_workers == 0:
        return False
    # Versions of torch without the argument keep the order.
    return not getattr(loader, "in_order", True)
