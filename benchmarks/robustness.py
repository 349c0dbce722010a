"""Tries what a stranger may do to reproaudit, and writes tables of what was survived.

    python benchmarks/robustness.py [--only GROUP …] [--out reports/robustness]

Each group is a script of its own, under a time limit. Exit code 1 if something was not survived;
the tables name each with its reason.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from parts import Part, run_parts
from survival import REPORTS, ROOT, count, describe_machine, read_rows

# Name, limit in seconds and what it is about; together they take some twenty minutes.
GROUPS = {
    "programs": (900.0, "strange programs, recorded at both levels: the same as plainly"),
    "environments": (720.0, "strange machines and shells"),
    "interruptions": (600.0, "signals at every moment: nothing is left, no exit code is a lie"),
    "command_lines": (120.0, "wrong command lines: one error, exit code 2"),
    "files": (420.0, "files from strangers: read or refused, soon"),
}


def list_parts(out: Path, only: list[str]) -> list[Part]:
    """Return one part for each group."""
    return [
        Part(name, (sys.executable, f"benchmarks/robust_{name}.py", "--out", str(out)), limit_s)
        for name, (limit_s, _) in GROUPS.items()
        if not only or name in only
    ]


def write_summary(out: Path) -> bool:
    """Write the table of all groups from their counts; return True if everything was survived."""
    lines = [
        "# What was tried, and what was survived",
        "",
        f"Made by `make robustness`: {describe_machine()}. Files made by a fuzzer are apart, in "
        "`fuzz.md`, by `make fuzz`.",
        "",
        "| group | what | tried | survived |",
        "|---|---|---:|---:|",
    ]
    reasons = []
    is_whole = True
    for name, (_, what) in GROUPS.items():
        rows = read_rows(out, name)
        if not rows:
            lines.append(f"| {name} | {what} | not run | |")
            is_whole = False
            continue
        tried, survived = count(rows)
        lines.append(f"| [{name}]({name}.md) | {what} | {tried} | {survived} |")
        for row in rows:
            if row.faults:
                reasons.append(f"- {name}, not survived: {row.name}: {'; '.join(row.faults)}")
            if row.not_tried:
                reasons.append(f"- {name}, not tried: {row.name}: {row.not_tried}")
        is_whole &= tried == survived
    if is_whole:
        reasons.insert(0, "Everything that was tried was survived.")
    lines += ["", *reasons]
    (out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return is_whole


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=GROUPS, help="this group; may be repeated"
    )
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    parts = list_parts(options.out.resolve(), options.only)
    for part in parts:
        (options.out / f"{part.name}.json").unlink(missing_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    run_parts(parts, ROOT, environment={"PYTHONPATH": str(ROOT)})
    return 0 if write_summary(options.out) else 1


if __name__ == "__main__":
    sys.exit(main())
