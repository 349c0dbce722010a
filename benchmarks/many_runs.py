"""What comparing many recorded runs costs the one process that compares them: 2 to 1,000 runs.

python benchmarks/many_runs.py [--events 10000] [--most 1000] [--out reports/overhead/many_runs.md]

The traces are of a training loop that no program made. Each figure comes from a process of its own,
which compares them as `reproaudit compare` does. A column that stays the same from row to row is
what "flat" means. Time is processor time: the files lie in memory by then.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import in_child, peak_mib, publish
from traces import make_trace

from reproaudit.model.events import EventKind

SIZES = (2, 10, 100, 1000)
CLASSES = 5
REPEATS = 3


def _set_states(events: Any, mark: int) -> None:
    """Make every second gradient a parameter; give the second half of a trace other contents."""
    states = np.flatnonzero(events["kind"] == EventKind.GRADIENT)
    events["kind"][states[1::2]] = EventKind.PARAMETER
    events["outputs"][states[len(states) // 2 :], 1] = mark


def all_equal(events: Any, run: int, described: int) -> None:
    """Make the same contents in each run."""
    _set_states(events, 0)


def few_classes(events: Any, run: int, described: int) -> None:
    """Make one of few contents, each of as many runs."""
    _set_states(events, run % CLASSES)


def all_distinct(events: Any, run: int, described: int) -> None:
    """Make other contents in each run."""
    _set_states(events, run)


CASES: dict[str, Callable[[Any, int, int], None]] = {
    "all equal": all_equal,
    f"{CLASSES} classes": few_classes,
    "all distinct": all_distinct,
}


def measure(folder: Path, count: int) -> dict[str, float]:
    """Compare the first `count` traces in a folder; return the costs of it."""
    from reproaudit.config.tolerance import Tolerances
    from reproaudit.experiment.offline import compare_traces

    paths = [folder / str(run) for run in range(count)]
    compare_traces(paths[:2], Tolerances())  # what is loaded and compiled once
    before = peak_mib()
    seconds = []
    for _ in range(REPEATS):
        read = _bytes_read()
        start = time.process_time()
        result = compare_traces(paths, Tolerances())
        seconds.append(time.process_time() - start)
        read = _bytes_read() - read
    return {
        "seconds": min(seconds),
        "peak": peak_mib(),
        "grown": peak_mib() - before,
        "read": read,
        "classes": len(result.classes),
    }


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="leave out larger sizes")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        folder, count = options.measure
        print(json.dumps(measure(Path(folder), int(count))))
        return
    sizes = [size for size in SIZES if size <= options.most]
    lines: list[str] = []
    measured: dict[str, float] = {}
    for label, alter in CASES.items():
        with tempfile.TemporaryDirectory() as scratch:
            for run in range(sizes[-1]):
                make_trace(Path(scratch) / str(run), options.events, run, alter=alter)
            found = {size: in_child(__file__, scratch, size) for size in sizes}
        lines += tabulate(label, options.events, found)
        if len(found) > 1:
            first, last = list(found.items())[-2:]
            growth = last[1]["seconds"] / last[0] / (first[1]["seconds"] / first[0])
            measured[f"{label}, time per run, largest over the one before"] = growth
            measured[f"{label}, peak, largest over the one before"] = (
                last[1]["peak"] / first[1]["peak"]
            )
    publish(lines, options.out, measured)


def tabulate(label: str, events: int, found: dict[int, dict[str, float]]) -> list[str]:
    """Return the table of one case."""
    names = ("runs", "classes", "ms per run", "KiB read per run", "peak MiB", "grown by, MiB")
    lines = [f"## {label}: runs of {events:,} events", "", f"| {' | '.join(names)} |"]
    lines.append("|---" * len(names) + "|")
    for size, one in found.items():
        cells = [f"{size:,}", f"{one['classes']:,.0f}", f"{1e3 * one['seconds'] / size:.2f}"]
        cells += [f"{one['read'] / size / 1024:,.0f}", f"{one['peak']:,.0f}"]
        cells.append(f"{one['grown']:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
