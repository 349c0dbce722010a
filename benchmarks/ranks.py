"""What recording costs ranks, and how an audit grows with them.

python benchmarks/ranks.py [--rounds 3] [--out reports/overhead/ranks.md]

A training with DistributedDataParallel and gloo is started by torchrun, plain and at both levels in
turn; the ratio is that of the median steps of one round. Then whole audits of 1, 2, 3 and 8 ranks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import publish, ratios

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level
from reproaudit.runs.process import run

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "benchmarks" / "rank_program.py"
STEPS, WIDTH = 30, 768
FEW_STEPS, SMALL = 10, 128


def write_command(ranks: int, folder: Path, steps: int, width: int) -> list[str]:
    return [
        sys.executable,
        *("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"),
        *(str(PROGRAM), str(folder), str(steps), str(width)),
    ]


def read_figures(folder: Path) -> tuple[float, float]:
    """Return the slowest rank's step, and the most memory of a rank."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("rank-*.json")]
    return max(one["step_s"] for one in found), max(one["mib"] for one in found)


@contextlib.contextmanager
def make_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


def measure(ranks: int, level: Level | None) -> float:
    """Return the seconds of a step, plain where `level` is None."""
    with make_folder() as folder:
        words = write_command(ranks, folder, STEPS, WIDTH)
        if level is None:
            subprocess.run(words, check=True, capture_output=True)
        else:
            program, *rest = words
            subject = SubjectSpec(SubjectKind.COMMAND, ROOT, argv=tuple(rest), program=program)
            plan = RunPlan(folder / "run", subject, level, values_mb=64)
            done = run(plan, log=folder / "log")
            assert done.outcome.is_success, (folder / "log").read_text()
        return read_figures(folder)[0]


def audit(ranks: int) -> tuple[float, float, float]:
    """Return the seconds of one plain run and of an audit of three, and the memory of a rank."""
    with make_folder() as folder:
        words = write_command(ranks, folder, FEW_STEPS, SMALL)
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        plain_s = time.perf_counter() - start
        start = time.perf_counter()
        tool = [sys.executable, "-m", "reproaudit", "--runs", "3", "--no-alerts", "--quiet", "--"]
        tool += words
        done = subprocess.run(tool, capture_output=True, check=False, cwd=ROOT, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return plain_s, time.perf_counter() - start, read_figures(folder)[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--audits", default="1,2,3,8", help="numbers of ranks")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        f"{os.cpu_count()} cores; steps of six layers of width {WIDTH}, batch 256 a rank; the",
        f"ratio to the plain step of the same round, over {options.rounds} rounds.",
        "",
        "| ranks | boundary level | operation level |",
        "|---|---|---|",
    ]
    measured: dict[str, float] = {}
    for ranks in (1, 2):
        times: dict[Level | None, list[float]] = {None: [], Level.BOUNDARY: [], Level.OPERATION: []}
        for _ in range(options.rounds):
            for level, found in times.items():
                found.append(measure(ranks, level))
        boundary = ratios(times[Level.BOUNDARY], times[None])
        operation = ratios(times[Level.OPERATION], times[None])
        lines.append(f"| {ranks} | {boundary} | {operation} |")
        measured[f"boundary level, {ranks} ranks"] = boundary.median
        measured[f"operation level, {ranks} ranks"] = operation.median
    lines += [
        "",
        "Audits of three runs without the run that looks for refused operators.",
        "",
        "| ranks | one plain run, s | audit, s | times | most memory of a rank, MiB |",
        "|---|---|---|---|---|",
    ]
    for ranks in map(int, filter(None, options.audits.split(","))):
        plain_s, audit_s, mib = audit(ranks)
        ratio = audit_s / plain_s
        lines.append(f"| {ranks} | {plain_s:.1f} | {audit_s:.1f} | {ratio:.1f} | {mib:.0f} |")
        measured[f"audit of {ranks} ranks over a plain run"] = ratio
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
