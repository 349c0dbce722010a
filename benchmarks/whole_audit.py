"""What whole runs cost: a recorded run over a plain one, and an audit of five over five runs by
hand, in turn.

python benchmarks/whole_audit.py [--rounds 3] [--only vae] [--out reports/overhead/whole_audit.md]

Both ratios are given: of wall time, which is what a user waits, and of CPU time, which a busy
machine spoils less.
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

RUNS = 5
HERE = Path(__file__).parent
AUDIT = (sys.executable, "-m", "reproaudit", "--quiet", "--steps", "all", "--runs", str(RUNS))
# The program with its own arguments. The GPT is the one that the budget of the boundary level
# names.
PROGRAMS = {
    "vae": [str(HERE.parent / "examples" / "vae" / "train.py")],
    "gpt-27M": [str(HERE / "programs.py"), "gpt-27M", "--steps", "10"],
}


def kinds_of(program: str, words: list[str]) -> dict[str, list[list[str]]]:
    """Return the commands of each kind: the long program is recorded, the short one audited."""
    plain = [sys.executable, *words]
    if program == "vae":
        audit = [*AUDIT, *words]
        return {
            "five runs by hand": [plain] * RUNS,
            "audit, --no-alerts": [[*AUDIT, "--no-alerts", *words]],
            "audit": [audit],
        }
    record = [sys.executable, "-m", "reproaudit", "record", "--steps", "all", "--out", "trace"]
    levels = {
        f"{level} level, one run": [[*record, "--level", level, *words]]
        for level in ("boundary", "operation")
    }
    return {"one run by hand": [plain], **levels}


def seconds(commands: list[list[str]]) -> tuple[float, float]:
    """Return wall and CPU time of commands run one after the other in a folder of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        for command in commands:
            subprocess.run(
                command,
                cwd=scratch,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"TMPDIR": scratch},
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - start, cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PROGRAMS, action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        f"Median of {options.rounds} rounds (least–greatest).",
        "",
        "| program | what | wall | CPU |",
        "|---|---|---|---|",
    ]
    measured: dict[str, float] = {}
    for program in options.only or PROGRAMS:
        kinds = kinds_of(program, PROGRAMS[program])
        rounds = [
            {kind: seconds(commands) for kind, commands in kinds.items()}
            for _ in range(options.rounds)
        ]
        base = next(iter(kinds))
        for kind in kinds:
            wall, cpu = (
                ratios([one[kind][i] for one in rounds], [one[base][i] for one in rounds])
                for i in (0, 1)
            )
            measured |= {f"{program}, {kind}": wall.median, f"{program}, {kind}, CPU": cpu.median}
            lines.append(f"| {program} | {kind} | {wall} | {cpu} |")
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
