"""Printing a benchmark's figures, and keeping them in files when that is asked for."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """A figure measured several times."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}–{self.greatest:.2f})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratios(mine: Sequence[float], base: Sequence[float]) -> Spread:
    """Return the ratios of figures that were measured side by side; the shorter series counts."""
    return spread([one / other for one, other in zip(mine, base, strict=False)])


def publish(
    lines: Iterable[str], out: Path | None, measured: Mapping[str, float] | None = None
) -> None:
    """Print the lines; with `out` also write them there, and beside it, as JSON, what the budgets
    are judged by."""
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if out is None:
        return
    files = {out: text} | (
        {}
        if measured is None
        else {out.with_suffix(".json"): json.dumps(measured, indent=1) + "\n"}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        partial = path.with_name(path.name + ".partial")
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)


def peak_mib() -> float:
    """Return the most memory that this process has had resident; not ru_maxrss, which starts at its
    parent's."""
    status = Path("/proc/self/status").read_text()
    return (
        next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        / 1024
    )


def in_child(
    script: str, *words: object, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run a script's own `--measure WORDS…` in a fresh process, whose peak memory is its own;
    return what it prints."""
    command = [sys.executable, script, "--measure", *map(str, words)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | (environment or {})
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
