"""Disk, memory, processes, and variables of the environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from reproaudit.doctor.check import Check, State
from reproaudit.doctor.folders import LIMIT_S, Room, find_room
from reproaudit.knowledge.variables import NUMERIC_VARIABLES
from reproaudit.prctl import set_subreaper
from reproaudit.startup import is_installed

_GIB = 1 << 30
_LITTLE_DISK = _GIB
_LITTLE_MEMORY = 2 * _GIB
_NO_LIMIT = 1 << 60  # what a control group without a limit says
# What each does to an audit; the programs are run under them as they are.
_IN_THE_WAY = {
    "PYTHONHASHSEED": "hides an order of sets that differs from run to run: unset it",
    "PYTHONINSPECT": "has each run wait for input at its end: unset it",
    "PYTHONHOME": "has Python look for its library elsewhere: unset it, unless you know why",
}
_TOLD = {
    "PYTHONPATH": "its folders come before installed packages, in the runs as well",
    "PYTHONOPTIMIZE": "assert statements of the program are left out",
    "PYTHONWARNINGS": "where it says error, a warning ends a run",
    "PYTHONNOUSERSITE": "packages that were installed with pip --user are not seen",
    "PYTHONDONTWRITEBYTECODE": "each run compiles the program's modules anew, which takes time",
}


def check_folders(limit_s: float = LIMIT_S) -> Iterator[Check]:
    """Look at where traces are written, and where reports are, each for at most `limit_s`
    seconds."""
    yield _check_folder(
        "temporary folder",
        find_room(None, limit_s),
        "traces lie there while an audit goes on: name another folder with TMPDIR, or --out DIR",
        State.BROKEN,
    )
    yield _check_folder(
        "working folder",
        find_room(os.getcwd(), limit_s),
        "programs write there, and so do reports: start where you may write, or use --fresh-copy",
        State.LOOK,
    )


def _check_folder(name: str, room: Room, advice: str, unwritable: State) -> Check:
    if room.fault:
        return Check(name, unwritable, room.fault, advice)
    found = f"{room.path}, {_show_size(room.free)} free"
    if room.free < _LITTLE_DISK:
        return Check(name, State.LOOK, found, f"little room for traces. {advice}")
    return Check(name, State.FINE, found)


def check_memory(root: Path = Path("/")) -> Check:
    """Look at what memory may be used now; `root` is the top of the file system to look in."""
    text = _read(root / "proc/meminfo")
    available = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    if available is None:
        return Check("memory", State.ABSENT, "not known", "one run at a time needs the program's")
    free = int(available[1]) << 10
    limit = _read_limit(root)
    if limit is not None:
        free = min(free, limit)
    found = f"{_show_size(free)} free"
    if free < _LITTLE_MEMORY:
        return Check(
            "memory",
            State.LOOK,
            found,
            "runs that record operators need the program's memory, and a tenth more: a run that "
            "is killed for it is told as such; --jobs 1 and --values-mb 0 need the least",
        )
    return Check("memory", State.FINE, found)


def _read_limit(root: Path) -> int | None:
    """Return what is left of the memory of this process's control group; None: it has no limit."""
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit = _read(root / "sys/fs/cgroup" / most).strip()
        taken = _read(root / "sys/fs/cgroup" / used).strip()
        if limit.isdecimal() and taken.isdecimal() and int(limit) < _NO_LIMIT:
            return max(0, int(limit) - int(taken))
    return None


def check_processes() -> Iterator[Check]:
    """Look at what ends what a program leaves running, and enters the recorder into children."""
    is_linux = sys.platform.startswith("linux")
    if is_linux and os.path.isdir("/proc/self") and set_subreaper(True):
        set_subreaper(False)
        yield Check("processes", State.FINE, "what a program leaves running is found and ended")
    else:
        yield Check(
            "processes",
            State.LOOK,
            f"{sys.platform}, without /proc or prctl",
            "daemons and ranks that a program leaves running live on after it: end them yourself",
        )
    if is_installed():
        yield Check("start-up file", State.FINE, "reproaudit.pth lies beside the packages")
    else:
        yield Check(
            "start-up file",
            State.LOOK,
            "reproaudit.pth is not installed",
            "ranks and children are found through PYTHONPATH alone, which a launcher may drop: "
            f"{sys.executable} -m pip install reproaudit",
        )


def check_variables(environ: Mapping[str, str]) -> Iterator[Check]:
    """Look at variables that change what runs do."""
    for name, what in _IN_THE_WAY.items():
        value = environ.get(name, "")
        if value and not (name == "PYTHONHASHSEED" and value == "random"):
            yield Check("variable", State.LOOK, f"{name}={value}", what)
    for name, what in _TOLD.items():
        if environ.get(name):
            yield Check("variable", State.FINE, f"{name}={environ[name]}", what)
    numeric = [name for name in NUMERIC_VARIABLES if environ.get(name) and name not in _IN_THE_WAY]
    if numeric:
        shown = " ".join(f"{name}={environ[name]}" for name in numeric)
        yield Check(
            "variables", State.FINE, shown, "numbers depend on these: they stay as they are"
        )


def _show_size(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
