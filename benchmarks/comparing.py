"""What comparing costs: five traces of a million ops each, with and without differences.

python benchmarks/comparing.py [--ops 1000000] [--out reports/overhead/comparing.md]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import publish

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.localise import localise
from reproaudit.compare.runs import Interned, open_run
from reproaudit.model import EventKind, Outcome, OutcomeKind
from reproaudit.trace.schema import EVENT, EVENTS_FILE
from reproaudit.trace.writer import TraceWriter

OPS_PER_STEP = 1000


def make_trace(directory: Path, ops: int, run: int, differing: int, dropped: int) -> None:
    """Write a trace of a training loop; `differing` ops of it have other outputs, `dropped` ones are missing."""
    writer = TraceWriter(
        directory, level="operation", subject="bench", command=[], settings={}, environment={}, version="0",
        values_budget=0,
    )  # fmt: skip
    names = [writer.string(f"aten::op{number}") for number in range(50)]
    places = [writer.location("train.py", line, "main") for line in range(1, 200)]
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), ops // OPS_PER_STEP)
    at = np.arange(ops)
    events = np.zeros(ops, dtype=EVENT)
    events["kind"], events["count"] = EventKind.OP, 1
    events["kind"][at % 50 == 49] = EventKind.GRADIENT
    events["step"] = at // OPS_PER_STEP
    events["name"] = np.array(names)[at % OPS_PER_STEP % 50]
    events["location"] = np.array(places)[at % OPS_PER_STEP % 199]
    events["inputs"][:, 0], events["outputs"][:, 0] = at + 1, at + 7
    random = np.random.default_rng(run)
    if differing and run:
        events["outputs"][random.choice(ops, differing, replace=False), 1] = run
    if dropped and run:
        events = np.delete(events, random.choice(ops, dropped, replace=False))
    events.tofile(directory / EVENTS_FILE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        f"{options.runs} traces of {options.ops:,} events",
        "",
        "| traces | open all | boundaries of all | localise two | peak MiB |",
    ]
    lines.append("|---|---|---|---|---|")
    for label, differing, dropped in (("equal", 0, 0), ("1,000 ops differ", 1000, 0), ("100 ops missing", 100, 100)):
        with tempfile.TemporaryDirectory() as scratch:
            for run in range(options.runs):
                make_trace(Path(scratch) / str(run), options.ops, run, differing, dropped)
            start = time.perf_counter()
            interned = Interned()
            runs = [open_run(Path(scratch) / str(run), run) for run in range(options.runs)]
            opened = time.perf_counter()
            compare_boundaries(runs, interned)
            compared = time.perf_counter()
            localise(runs[0], runs[1], interned)
            ended = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        lines.append(
            f"| {label} | {opened - start:.2f} s | {compared - opened:.2f} s | {ended - compared:.2f} s | {peak} |"
        )
    publish(lines, options.out)


if __name__ == "__main__":
    main()
