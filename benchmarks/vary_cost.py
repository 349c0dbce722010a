"""What `reproaudit vary` costs, in runs of the program by hand: by how many values are tried, and
of how many of them something depends.

python benchmarks/vary_cost.py [--rounds 3] [--out reports/overhead/vary_cost.md]

A value that changes nothing costs one run; of one that does, operators are recorded, once more with
it and once for all without. Both ratios are of figures measured in turn.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import publish, ratios

PROGRAM = [str(Path(__file__).with_name("programs.py")), "cnn", "--steps", "20"]
VARY = (sys.executable, "-m", "reproaudit", "vary", "--quiet", "--steps", "all")
EQUAL = "env.NOBODY_READS_THIS"
# Kernels for other processors, under which a convolution differs.
DIFFERENT = "cpu"
KINDS = {
    "1 value, equal": (f"{EQUAL}=1", 1),
    "4 values, equal": (f"{EQUAL}=1,2,3,4", 4),
    "2 values that differ": (f"{DIFFERENT}=default,avx2", 2),
}
BASE = "one run by hand"


def measure(command: list[str]) -> tuple[float, float]:
    """Return wall and CPU time of a command that ends by itself: with 1 where something differs."""
    with tempfile.TemporaryDirectory() as scratch:
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"TMPDIR": scratch},
            check=False,
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"exit code {done.returncode}: {' '.join(command)}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - start, cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    commands = {BASE: [sys.executable, *PROGRAM]}
    commands |= {kind: [*VARY, "--vary", spec, *PROGRAM] for kind, (spec, _) in KINDS.items()}
    rounds = [
        {kind: measure(command) for kind, command in commands.items()}
        for _ in range(options.rounds)
    ]
    lines = [
        f"`programs.py cnn`, median of {options.rounds} rounds (least–greatest), over one run by "
        "hand. Two runs are of the program as it is.",
        "",
        "| what | wall | CPU | CPU per value, beside the two |",
        "|---|---|---|---|",
    ]
    measured: dict[str, float] = {}
    for kind, (_, values) in KINDS.items():
        wall, cpu = (
            ratios([one[kind][i] for one in rounds], [one[BASE][i] for one in rounds])
            for i in (0, 1)
        )
        measured |= {kind: wall.median, f"{kind}, CPU": cpu.median}
        each = (cpu.median - 2) / values
        lines.append(f"| {kind} | {wall} | {cpu} | {each:.2f} |")
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
