"""The reproducer of a kernel whose call an audit has kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import Finding
from reproaudit.report.reproducer import write_reproducer_anyhow


def write_kept_call(
    kernel: tuple[Finding, Path] | None, target: Path, environment: Mapping[str, Any]
) -> tuple[str, NotChecked | None]:
    """Write the reproducer of a kernel finding, whose call lies in a folder, into `target`.

    Returns the folder as it was named, "" if none was written, and why it was not.
    """
    if kernel is None:
        return "", _say_why("no kernel was found whose call could be kept")
    finding, call = kernel
    threads = int(environment["threads"]) if "threads" in environment else None
    folder, fault = write_reproducer_anyhow(
        call, target, finding=finding, environment=environment, threads=threads
    )
    return folder, _say_why(fault) if fault else None


def _say_why(why: str) -> NotChecked:
    return NotChecked(Unchecked.NO_REPRODUCER, "a reproducer", why)
