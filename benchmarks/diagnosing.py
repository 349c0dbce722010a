"""What a diagnosis costs: how many runs it makes, and how long an audit takes over one plain run of
the same program.

python benchmarks/diagnosing.py [PROGRAM ...] [--out reports/overhead/diagnosing.md]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import publish

PROGRAMS = (
    "examples/graph_net/train.py",
    "examples/five_sources/train.py",
    "tests/programs/hash_and_clock.py",
)
PLAIN_RUNS = 3


def seconds(command: list[str], scratch: str) -> float:
    """Time one command, which may exit with 1: a divergence was found."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=scratch,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": scratch},
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return time.perf_counter() - start


def measure(program: str) -> tuple[tuple[str, ...], float]:
    """Return a row (program, findings, runs made, times), and the audit's time over a plain
    run's."""
    path = str(Path(program).absolute())
    with tempfile.TemporaryDirectory() as scratch:
        plain = statistics.median(
            seconds([sys.executable, path], scratch) for _ in range(PLAIN_RUNS)
        )
        result = Path(scratch) / "result.json"
        words = ["--quiet", "--steps", "all", "--report", f"json={result}", path]
        audit = seconds([sys.executable, "-m", "reproaudit", *words], scratch)
        found = json.loads(result.read_text())
    diagnosing = found["runs_made"] - found["runs"]
    proven = sum(
        bool(finding["fix"] and finding["fix"]["verified"]) for finding in found["findings"]
    )
    figures = f"{audit / plain:.0f}", f"{(audit / plain) / found['runs_made']:.2f}"
    row = (
        program,
        f"{proven} of {len(found['findings'])}",
        str(found["runs"]),
        str(diagnosing),
        *figures,
    )
    return row, audit / plain


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("programs", nargs="*", default=PROGRAMS)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = (
        "program",
        "fixes proven",
        "deciding runs",
        "diagnosing runs",
        "audit over one plain run",
        "per run made",
    )
    lines = [f"| {' | '.join(names)} |", "|---|---|---|---|---|---|"]
    measured: dict[str, float] = {}
    for program in options.programs:
        row, measured[program] = measure(program)
        lines.append(f"| {' | '.join(row)} |")
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
