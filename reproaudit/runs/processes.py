"""Whether a process has ended, and what Linux tells of processes under /proc.

Elsewhere, and of one that is gone, the latter is nothing.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROC = Path("/proc")
_START = 19  # the time at which a process started, counted from the third field


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return True if a child of ours has ended. It is not reaped by that."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        return os.waitid(os.P_PID, process.pid, options) is not None
    except ChildProcessError:  # the embedding program ignores SIGCHLD: the kernel has reaped it
        return True


def list_children(pid: int) -> list[int]:
    """Return the processes that a process is the parent of, zombies with them."""
    found = []
    try:
        threads = os.listdir(PROC / str(pid) / "task")
    except OSError:
        return []
    for thread in threads:
        try:
            children = (PROC / str(pid) / "task" / thread / "children").read_text()
        except OSError:
            continue
        found += [int(child) for child in children.split()]
    return found


def list_all() -> list[int]:
    """Return all processes that can be seen."""
    try:
        names = os.listdir(PROC)
    except OSError:
        return []
    return [int(name) for name in names if name.isdigit()]


def read_fields(pid: int) -> list[str]:
    """Return the fields of a process's `stat` from the third on; empty if there are none."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    # The name, in brackets, may hold anything. Behind it stands the third field.
    return text.rpartition(")")[2].split()


def read_start(pid: int) -> str:
    """Return when a process started, which tells it from a later one of its number; "" if that
    cannot be known."""
    fields = read_fields(pid)
    return fields[_START] if len(fields) > _START else ""


def read_environment(pid: int) -> list[str]:
    """Return the variables, NAME=VALUE each, with which a process was started."""
    try:
        content = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return []
    return os.fsdecode(content).split("\0")
