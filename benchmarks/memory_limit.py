"""Audits on a machine with 2 GB of memory: rows for `compatibility.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from survival import Tried, Wanted, judge, run

GROUPS = Path("/sys/fs/cgroup")
ENOUGH_BYTES = 2 << 30
TOO_LITTLE_BYTES = 150 << 20  # Python starts, and torch is not imported
ENTER = 'echo $$ > "$0"/cgroup.procs && exec "$@"'


def try_memory(folder: Path) -> Iterator[Tried]:
    """Yield audits whose processes together have so much, as a control group enforces it."""
    for size, words, wanted in (
        (ENOUGH_BYTES, ("differs.py",), Wanted(1, "unseeded-rng")),
        (ENOUGH_BYTES, ("--jobs", "2", "differs.py"), Wanted(1, "unseeded-rng")),
        (TOO_LITTLE_BYTES, ("differs.py",), Wanted(2, "was killed by SIGKILL")),
    ):
        name = f"{size >> 20:,} MiB of memory, enforced: `{' '.join(words)}`"
        try:
            group = make_group(size)
        except OSError as error:
            yield Tried(name, not_tried=f"no control group can be made: {error.strerror}")
            continue
        try:
            command = ["sh", "-c", ENTER, str(group), sys.executable, "-m", "reproaudit", *words]
            ending = run(command, folder)
            more = f"; at most {read_peak(group) >> 20:,} MiB"
            yield judge(name, ending, wanted, folder, more=more)
        finally:
            group.rmdir()


def make_group(size: int) -> Path:
    """Make a control group of version 1 or 2 that may have so many bytes. Raises OSError."""
    is_old = (GROUPS / "memory").is_dir()
    group = (GROUPS / "memory" if is_old else GROUPS) / f"reproaudit-{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if is_old else "memory.max")).write_text(str(size))
    except OSError:
        group.rmdir()
        raise
    return group


def read_peak(group: Path) -> int:
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).exists():
            return int((group / name).read_text())
    return 0
