"""Recorded programs in forks of one warmed process: torch is imported once for many of them.

    audit(..., python=warm.python())

`python()` names an executable that stands in for the interpreter. What it starts by
`reproaudit/record/entry.py PLAN.json` is a fork with the random states, the environment, the
working directory, the streams and the process group that a new process has, without the 1.4 s that
importing torch takes. Such a fork shares with others what a process gets when it starts: the seed
of string hashes, the addresses and memory of what was imported, and modules that are imported
already. A test of any of these needs an interpreter of its own. A run whose environment says
otherwise than ours what is read at the start gets one in any case.

The stand-in is tests/warm_python.py. It connects to the warmed process and keeps the connection for
as long as it lives, so that either sees when the other is gone: then the fork is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.warm_python import FRESH, NUMBER, RECORDED

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = Path(__file__).with_name("warm_python.py")
TIMEOUT_S = 300.0
MOST_DESCRIPTORS = 4  # three streams, and the pipe that holds a run

# Variables that are read when an interpreter starts or when torch is loaded.
READ_AT_START = ("PYTHON", "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "ATEN_", "LD_", "MALLOC_")
# Of these, variables whose effect a fork can have by itself.
READ_LATER = ("PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def run(
    plan: Path, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the plan in a fork that starts in `folder`, and return how it ended and what it wrote."""
    return subprocess.run(
        [python(), *RECORDED, str(plan)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@cache
def python() -> str:
    """Start the warmed process, once, and return the path of the interpreter's stand-in.

    The process ends with this one.
    """
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    atexit.register(shutil.rmtree, folder)
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        # It listens before the process has imported anything: who comes early waits.
        listener.bind(str(path))
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(listener.fileno())],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    atexit.register(_stop, process)
    words = [sys.executable, "-S", "-E", str(STAND_IN), str(path)]
    stand_in = folder / "python"
    stand_in.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    stand_in.chmod(0o755)
    return str(stand_in)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the warmed process, which ends its forks, as it does if this process is killed."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=60)


# The warmed process


@dataclass(frozen=True)
class _Fork:
    """A run under way: its number, a descriptor that shows its end, and who waits for it."""

    pid: int
    end: int
    stand_in: socket.socket


class _Server:
    """Forks for each stand-in that connects; the forks run beside each other."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._environment = dict(os.environ)
        self._path = [place for place in sys.path if place != str(ROOT)]
        self._forks: dict[int, _Fork] = {}
        self._selector = selectors.DefaultSelector()
        self._watch(listener, self._accept)
        self._watch(0, self._stop)

    def serve(self) -> None:
        """Answer until standard input is closed."""
        while True:
            for key, _ in self._selector.select():
                # An event may have made a later one of the same round void.
                if key.fd in self._selector.get_map():
                    key.data()

    def _watch(self, file: Any, action: Callable[[], None]) -> None:
        self._selector.register(file, selectors.EVENT_READ, action)

    def _accept(self) -> None:
        stand_in, _ = self._listener.accept()
        try:
            order, descriptors = _read_order(stand_in)
        except EOFError:
            # It was killed before it had said what it wants.
            stand_in.close()
            return
        is_fresh = self._needs_interpreter(order["environment"])
        pid = 0 if is_fresh else os.fork()
        if not pid and not is_fresh:
            self._run_and_exit(order, descriptors, stand_in)
        for descriptor in descriptors:
            os.close(descriptor)
        if is_fresh:
            _tell(stand_in, FRESH)
            stand_in.close()
            return
        fork = _Fork(pid, os.pidfd_open(pid), stand_in)
        self._forks[pid] = fork
        self._watch(fork.end, lambda: self._reap(fork))
        self._watch(stand_in, lambda: self._abandon(fork))

    def _needs_interpreter(self, environment: dict[str, str]) -> bool:
        """Return True if the fork would differ from what an interpreter is in this environment."""
        ours = self._environment
        differing = {name for name in ours if ours[name] != environment.get(name)}
        differing |= environment.keys() - ours.keys()
        unable = differing - (environment.keys() & {*READ_LATER}) - {"PYTHONPATH"}
        return any(name.startswith(READ_AT_START) for name in unable)

    def _reap(self, fork: _Fork) -> None:
        """Tell how the fork ended, once nothing is left of its process group."""
        # Not reaped yet: its number cannot be anybody else's.
        _kill(fork.pid)
        _, status = os.waitpid(fork.pid, 0)
        _tell(fork.stand_in, os.waitstatus_to_exitcode(status))
        del self._forks[fork.pid]
        self._selector.unregister(fork.end)
        os.close(fork.end)
        if fork.stand_in.fileno() in self._selector.get_map():
            self._selector.unregister(fork.stand_in)
        fork.stand_in.close()

    def _abandon(self, fork: _Fork) -> None:
        """Kill the fork of a stand-in that is gone."""
        self._selector.unregister(fork.stand_in)
        _kill(fork.pid)

    def _stop(self) -> None:
        for fork in self._forks.values():
            _kill(fork.pid)
        sys.exit()

    def _run_and_exit(
        self, order: dict[str, Any], descriptors: list[int], stand_in: socket.socket
    ) -> None:
        """Be the recorded process, and end as an interpreter does. Never returns."""
        code = 1
        try:
            os.setsid()
            # Told from here, so that the group is there when a signal is handed on to it.
            _tell(stand_in, os.getpid())
            stand_in.close()
            self._forget()
            self._become(order, descriptors[:3])
            code = _record(order["plan"], descriptors[3:])
        except BaseException:
            traceback.print_exc()
        try:
            code = _finish(code)
        finally:
            # Nothing may lead back into the server's loop.
            os._exit(code)

    def _become(self, order: dict[str, Any], streams: list[int]) -> None:
        """Give the fork what a process that was just started has of its own."""
        import random

        import numpy as np
        import torch

        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        places = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
        sys.path[:] = [*places, *self._path]
        sys.argv = ["reproaudit.record", order["plan"]]
        tempfile.tempdir = None
        threads = os.environ.get("OMP_NUM_THREADS")
        if threads is not None:
            torch.set_num_threads(int(threads))
        random.seed()
        np.random.seed()
        torch.seed()

    def _forget(self) -> None:
        """Close what is the server's: a copy in a fork would hide that the server is gone."""
        for fork in self._forks.values():
            fork.stand_in.close()
            os.close(fork.end)
        self._listener.close()
        self._selector.close()


def _read_order(stand_in: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return what a run is started with, and its descriptors.

    Raises EOFError if the stand-in is gone.
    """
    start, descriptors, _, _ = socket.recv_fds(stand_in, NUMBER.size, MOST_DESCRIPTORS)
    length = NUMBER.unpack(start)[0] if start else 0
    text = stand_in.recv(length, socket.MSG_WAITALL)
    if not text or len(text) < length:
        for descriptor in descriptors:
            os.close(descriptor)
        raise EOFError("the stand-in is gone")
    return json.loads(text), descriptors


def _tell(stand_in: socket.socket, number: int) -> None:
    # Who is gone is noticed by the end of the connection.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stand_in.sendall(NUMBER.pack(number))


def _kill(pid: int) -> None:
    """Kill a fork that is not reaped, and its process group."""
    # One that has no group of its own yet has started nothing.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def _record(plan: str, held: list[int]) -> int:
    """Do what `reproaudit/record/entry.py` does and return the exit code."""
    from reproaudit.record.process.bootstrap import main

    for descriptor in held:
        if not os.read(descriptor, 1):
            os._exit(0)
        os.close(descriptor)
    try:
        main(plan)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _finish(code: int) -> int:
    """End threads, registered functions and buffers in the interpreter's order.

    Returns the exit code, which is another one where the output cannot be written.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return 120
    return code


def serve(listener: socket.socket) -> None:
    """Import what recorded programs need, and fork for those who connect."""
    import numpy  # noqa: F401 - what programs import is here before they are forked
    import torch.utils.data  # noqa: F401

    import reproaudit.record.process.bootstrap
    import reproaudit.record.process.install  # noqa: F401

    gc.collect()
    gc.freeze()  # what a fork never frees is not copied either
    _Server(listener).serve()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
