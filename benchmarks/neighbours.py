"""What a busy neighbour on each core costs an audit, beside what it costs the plain program.

python benchmarks/neighbours.py [--rounds 2] [--out reports/overhead/neighbours.md]

Each round times the program and its audit, idle and beside the neighbours, one after the other. An
audit slows as much as the program if the last column is 1; runs of a diagnosis differ in number
from one audit to the next, so its time is also given per run made.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from diagnosing import seconds
from figures import publish, ratios

from reproaudit.runs.neighbours import keep_cores_busy

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAMS = ("vae", "graph_net")
AUDIT = (sys.executable, "-m", "reproaudit", "--quiet", "--steps", "all")


@dataclass(frozen=True)
class Times:
    """Seconds of a plain run and of an audit, and how many runs the audit made."""

    plain: float
    audit: float
    runs: int

    @property
    def per_run(self) -> float:
        return self.audit / self.runs


def measure(program: Path) -> Times:
    """Time the program before and after its audit: what is left of a change is in both."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        before = seconds([sys.executable, str(program)], scratch)
        audit = seconds([*AUDIT, "--report", f"json={result}", str(program)], scratch)
        after = seconds([sys.executable, str(program)], scratch)
        runs = json.loads(result.read_text())["runs_made"]
    return Times(plain=(before + after) / 2, audit=audit, runs=runs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=PROGRAMS, action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        f"A busy process on each of {os.cpu_count()} cores. Median of {options.rounds} rounds "
        "(least–greatest), beside the neighbours over idle.",
        "",
        "| program | runs made, idle and beside | plain run | audit | audit per run | "
        "per run, over what the plain run slows |",
        "|---|---|---|---|---|---|",
    ]
    measured: dict[str, float] = {}
    for name in options.only or PROGRAMS:
        program = EXAMPLES / name / "train.py"
        idle: list[Times] = []
        beside: list[Times] = []
        for _ in range(options.rounds):
            for times, neighbours in (
                (idle, contextlib.nullcontext()),
                (beside, keep_cores_busy()),
            ):
                with neighbours:
                    times.append(measure(program))
        plain = ratios([one.plain for one in beside], [one.plain for one in idle])
        audit = ratios([one.audit for one in beside], [one.audit for one in idle])
        per_run = ratios([one.per_run for one in beside], [one.per_run for one in idle])
        slowing = per_run.median / plain.median
        runs = f"{[one.runs for one in idle]} {[one.runs for one in beside]}"
        lines.append(f"| {name} | {runs} | {plain} | {audit} | {per_run} | {slowing:.2f} |")
        measured[f"{name}, audit per run over plain, beside neighbours"] = slowing
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
