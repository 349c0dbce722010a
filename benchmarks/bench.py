"""Runs every benchmark that needs no GPU, each under its own time limit, then judges the budgets.

python benchmarks/bench.py [--only PART …] [--out reports/overhead]

A benchmark that fails or hangs stops no other; its figures of an earlier time are removed first.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from parts import Part, exit_code, run_parts, table

ROOT = Path(__file__).resolve().parent.parent

# Name and limit in seconds; together they take some fifteen minutes. Each script writes its page
# with --out.
BENCHMARKS = {
    "start_up": 60.0,
    "entering": 60.0,
    "digest_speed": 60.0,
    "recording": 420.0,
    "memory": 240.0,
    "growth": 240.0,
    "comparing": 120.0,
    "many_runs": 180.0,
    "hostile": 120.0,
    "fidelity": 120.0,
    "whole_audit": 300.0,
    "repeating": 240.0,
    "diagnosing": 420.0,
    "early_answer": 300.0,
    "neighbours": 420.0,
    "ranks": 420.0,
}
# Of the two that take longest, fewer or shorter turns than when they are run alone.
WORDS = {"recording": ("--seconds", "20"), "whole_audit": ("--rounds", "2")}


def parts_of(out: Path) -> list[Part]:
    """Return one part per benchmark."""
    command = (sys.executable,)
    return [
        Part(
            name,
            (
                *command,
                f"benchmarks/{name}.py",
                *WORDS.get(name, ()),
                "--out",
                str(out / f"{name}.md"),
            ),
            limit_s,
        )
        for name, limit_s in BENCHMARKS.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="run this one only; may be repeated"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/overhead"))
    options = parser.parse_args()
    parts = [
        part for part in parts_of(options.out) if not options.only or part.name in options.only
    ]
    for part in parts:
        for suffix in (".md", ".json"):
            (ROOT / options.out / f"{part.name}{suffix}").unlink(missing_ok=True)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    budgets = (sys.executable, "benchmarks/budgets.py", "--figures", str(options.out))
    ended = run_parts(
        [*parts, Part("budgets", budgets, 60.0)], ROOT, environment={"PYTHONPATH": path}
    )
    print("\n".join(table(ended)))
    return exit_code(ended)


if __name__ == "__main__":
    sys.exit(main())
