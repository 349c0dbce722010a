"""What comparing many recorded runs costs the one process that compares them: 2 to 1,000 runs; and
what travels of a run that was recorded on another machine.

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

from reproaudit.comparison.digest_tree import DigestTree, Heading, Question, find_difference
from reproaudit.comparison.run_tree import tree_of
from reproaudit.model.events import EventKind

SIZES = (2, 10, 100, 1000)
CLASSES = 5
REPEATS = 3
SUMMARY_BYTES = 20  # a root, and how many parts
QUESTION_BYTES = 12
ANSWER_BYTES = 16
TRAVELLERS = 100
LENGTHS = (1_000, 10_000, 100_000, 1_000_000)


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


class Holder:
    """Who holds the tree of a run elsewhere, and counts what it is asked."""

    def __init__(self, tree: DigestTree) -> None:
        self.asked = 0
        self._tree = tree

    def answer(self, question: Question) -> bytes:
        self.asked += 1
        return self._tree.answer(question)

    def heading(self, part: int) -> Heading | None:
        self.asked += 1
        return self._tree.heading(part)


def measure_travel(folder: Path, count: int) -> dict[str, float]:
    """Find where each of `count` runs first differs from the first one, whose tree stays at home.

    Of each other run its summary travels, and if it differs the questions with their answers.
    """
    own = tree_of(folder / "0")
    seconds, asked = [], []
    for run in range(1, count):
        start = time.process_time()
        tree = tree_of(folder / str(run))
        seconds.append(time.process_time() - start)
        holder = Holder(tree)
        find_difference(own, tree.summary, holder.answer, holder.heading)
        asked.append(holder.asked)
    return {
        "seconds": min(seconds),
        "travelled": SUMMARY_BYTES + max(asked) * (QUESTION_BYTES + ANSWER_BYTES),
        "asked": max(asked),
        "trace": sum(file.stat().st_size for file in (folder / "1").iterdir()),
        "digests": len(own.to_bytes()),
    }


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


MEASURES = {"compare": measure, "travel": measure_travel}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="leave out larger sizes")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, folder, count = options.measure
        print(json.dumps(MEASURES[what](Path(folder), int(count))))
        return
    sizes = [size for size in SIZES if size <= options.most]
    lines: list[str] = []
    measured: dict[str, float] = {}
    for label, alter in CASES.items():
        with tempfile.TemporaryDirectory() as scratch:
            for run in range(sizes[-1]):
                make_trace(Path(scratch) / str(run), options.events, run, alter=alter)
            found = {size: in_child(__file__, "compare", scratch, size) for size in sizes}
        lines += tabulate(label, options.events, found)
        if len(found) > 1:
            first, last = list(found.items())[-2:]
            growth = last[1]["seconds"] / last[0] / (first[1]["seconds"] / first[0])
            measured[f"{label}, time per run, largest over the one before"] = growth
            measured[f"{label}, peak, largest over the one before"] = (
                last[1]["peak"] / first[1]["peak"]
            )
    lines += travel(options.most)
    publish(lines, options.out, measured)


def travel(most: int) -> list[str]:
    """Return the table of what travels where runs are on another machine."""
    names = ("run of", "what differs", "its trace", "its digests, all", "what travels", "questions")
    lines = ["## What travels of a run on another machine, to find where it first differs", ""]
    lines += [f"| {' | '.join(names)} | ms to make its tree |", "|---" * (len(names) + 1) + "|"]
    for events in LENGTHS:
        for label, alter in (("nothing", all_equal), ("the second half", all_distinct)):
            count = max(2, min(most, TRAVELLERS * LENGTHS[0] // events))
            with tempfile.TemporaryDirectory() as scratch:
                for run in range(count):
                    make_trace(Path(scratch) / str(run), events, run, alter=alter)
                found = in_child(__file__, "travel", scratch, count)
            cells = [f"{events:,} events", label, f"{found['trace']:,.0f} bytes"]
            cells += [f"{found['digests']:,.0f} bytes", f"{found['travelled']:,.0f} bytes"]
            cells += [f"{found['asked']:,.0f}", f"{1e3 * found['seconds']:.1f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


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
