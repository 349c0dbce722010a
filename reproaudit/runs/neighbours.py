"""Busy processes beside a run: a program whose threads race differs more often where they wait.

They are as important to the system as the run itself. With a lower priority they would take only
what it leaves, and nothing of it would have to wait.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from reproaudit.runs.orphans import keep_as_own

# One that outlives us ends by itself: nobody is to find a busy core after a crash.
_BUSY = """
import os, sys
core, parent = map(int, sys.argv[1:])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {core})
while os.getppid() == parent:
    sum(range(100_000))
"""


@contextlib.contextmanager
def keep_cores_busy() -> Iterator[int]:
    """Have a busy process on each core that we may use; give their number, and end them."""
    busy: list[subprocess.Popen[bytes]] = []
    try:
        for core in list_processors():
            busy.append(_start(core))
        yield len(busy)
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()


def list_processors() -> list[int]:
    """Return the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _start(core: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BUSY, str(core), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    keep_as_own(process.pid)
    return process
