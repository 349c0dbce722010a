"""What an audit costs: five runs of a reproducible program by hand, and `reproaudit` on it, in turn.

python benchmarks/whole_audit.py [--program examples/vae/train.py] [--rounds 3] [--out reports/overhead/audit.md]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import publish

RUNS = 5


def seconds(*commands: list[str]) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        for command in commands:
            subprocess.run(
                command, cwd=scratch, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=os.environ | {"TMPDIR": scratch},
            )  # fmt: skip
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("examples/vae/train.py"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    program = str(options.program.absolute())
    audit = [sys.executable, "-m", "reproaudit", "--quiet", "--steps", "all", "--runs", str(RUNS), program]
    kinds = {
        "five runs by hand": [[sys.executable, program]] * RUNS,
        "audit without the run for refused ops": [[*audit[:-1], "--no-alerts", program]],
        "audit": [audit],
    }
    figures: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind, commands in kinds.items():
            figures[kind].append(seconds(*commands))
    base = figures["five runs by hand"]
    lines = [f"{options.program}, {RUNS} runs, median of {options.rounds} rounds", "", "| what | ratio |", "|---|---|"]
    for kind, mine in figures.items():
        ratio = statistics.median(one / other for one, other in zip(mine, base, strict=True))
        lines.append(f"| {kind} | {ratio:.2f} |")
    publish(lines, options.out)


if __name__ == "__main__":
    main()
