"""Judges the budgets by what the other benchmarks have measured: one table, each budget met or not.

python benchmarks/budgets.py [--figures reports/overhead]

Writes README.md into the folder of the figures. A figure that is not there is "not measured", never
met.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from figures import publish

Figures = dict[str, dict[str, float]]  # by benchmark


@dataclass(frozen=True)
class Budget:
    """One row: what is bounded, by how much, and which figure of which benchmark says how it
    stands."""

    what: str
    bound: float
    benchmark: str
    figure: str
    unit: str = ""
    at_least: bool = False
    decimals: int = 3  # of the figure, as it is shown and as it is judged

    def is_met(self, value: float) -> bool:
        rounded = round(value, self.decimals)
        return rounded >= self.bound if self.at_least else rounded <= self.bound


DIFFERING = "a thousandth differs"
PER_UNIT = "time per unit, largest over the one before"
BUDGETS = (
    Budget(
        what="start of an interpreter with the file that enters the recorder, over one without",
        bound=1.02,
        benchmark="entering",
        figure="interpreter start with the file",
    ),
    Budget(
        what="boundary level, whole run over plain, gpt-27M",
        bound=1.02,
        benchmark="whole_audit",
        figure="gpt-27M, boundary level, one run",
    ),
    Budget(
        what="boundary level, step over plain step, gpt-27M",
        bound=1.05,
        benchmark="recording",
        figure="gpt-27M, boundary level",
    ),
    Budget(
        what="operation level, step over plain step, gpt-27M",
        bound=1.3,
        benchmark="recording",
        figure="gpt-27M, operation level",
    ),
    Budget(
        what="operation level, added per small op",
        bound=10,
        benchmark="recording",
        figure="added per small op, µs",
        unit=" µs",
    ),
    Budget(
        what="digest speed over memory-read speed",
        bound=0.9,
        benchmark="digest_speed",
        figure="digest / baseline",
        at_least=True,
    ),
    Budget(
        what="audit of 5 reproducible runs over 5 plain runs",
        bound=1.05,
        benchmark="whole_audit",
        figure="vae, audit",
        decimals=2,
    ),
    *(
        Budget(
            what=f"whole audit over one plain run, {name}",
            bound=bound,
            benchmark="diagnosing",
            figure=program,
            decimals=1,
        )
        for name, program, bound in (
            ("kernel", "examples/graph_net/train.py", 10),
            ("hash order", "tests/programs/hash_and_clock.py", 12),
            ("five sources", "examples/five_sources/train.py", 22),
        )
    ),
    *(
        Budget(
            what=f"verdict and first operator on the screen, in plain runs, {name}",
            bound=8,
            benchmark="early_answer",
            figure=f"{name}, verdict and operator",
            decimals=1,
        )
        for name in ("graph_net", "five_sources")
    ),
    *(
        Budget(
            what=f"busy neighbours: an audit's slowing over the plain run's, per run, {name}",
            bound=1.2,
            benchmark="neighbours",
            figure=f"{name}, audit per run over plain, beside neighbours",
            decimals=2,
        )
        for name in ("vae", "graph_net")
    ),
    Budget(
        what="trace size per op, of a million",
        bound=64,
        benchmark="growth",
        figure="ops, bytes of trace per unit",
        unit=" bytes",
        decimals=0,
    ),
    Budget(
        what="compare 5 traces of 1 M events",
        bound=2,
        benchmark="comparing",
        figure=f"{DIFFERING}, compare, s",
        unit=" s",
    ),
    Budget(
        what="its memory",
        bound=1024,
        benchmark="comparing",
        figure=f"{DIFFERING}, peak, MiB",
        unit=" MiB",
    ),
    Budget(
        what="peak memory of a recording, 1,000 steps over 1",
        bound=1.05,
        benchmark="growth",
        figure="steps, peak, largest over smallest",
    ),
    Budget(
        what="time per step recorded, 1,000 steps over 100",
        bound=1.25,
        benchmark="growth",
        figure=f"steps, {PER_UNIT}",
    ),
    Budget(
        what="time per op recorded, 10⁶ over 10⁵",
        bound=1.25,
        benchmark="growth",
        figure=f"ops, {PER_UNIT}",
    ),
    Budget(
        what="time per run compared, 50 over 20",
        bound=1.25,
        benchmark="growth",
        figure=f"runs, {PER_UNIT}",
    ),
    Budget(
        what="time per recorded run compared, 1,000 over 100, all distinct",
        bound=1.25,
        benchmark="many_runs",
        figure="all distinct, time per run, largest over the one before",
    ),
    Budget(
        what="memory of comparing recorded runs, 1,000 over 100, all distinct",
        bound=1.25,
        benchmark="many_runs",
        figure="all distinct, peak, largest over the one before",
    ),
    Budget(
        what="time per parameter digested, 10⁹ over 10⁸",
        bound=1.25,
        benchmark="growth",
        figure=f"parameters, {PER_UNIT}",
    ),
    Budget(
        what="reproaudit --help",
        bound=0.15,
        benchmark="start_up",
        figure="reproaudit --help, CPU s",
        unit=" s of CPU",
    ),
    Budget(
        what="the parent process imports torch",
        bound=0,
        benchmark="start_up",
        figure="the parent imports torch",
    ),
    Budget(
        what="a hostile trace over a sound one of its size, the slowest",
        bound=1.25,
        benchmark="hostile",
        figure="slowest",
    ),
    Budget(
        what="operators that recording changes",
        bound=0,
        benchmark="fidelity",
        figure="calls changed by recording",
    ),
)


def read(folder: Path) -> Figures:
    """Return what each benchmark left; the digest's page is read for its ratio."""
    found: Figures = {
        path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))
    }
    page = folder / "digest_speed.md"
    ratio = re.search(r"digest / baseline\D*([\d.]+)", page.read_text()) if page.exists() else None
    if ratio is not None:
        found["digest_speed"] = {"digest / baseline": float(ratio[1])}
    if found.get("hostile"):
        found["hostile"]["slowest"] = max(found["hostile"].values())
    return found


def row(budget: Budget, figures: Figures) -> tuple[str, bool]:
    """Return the row of one budget, and whether it is met."""
    value = figures.get(budget.benchmark, {}).get(budget.figure)
    bound = f"{'at least ' if budget.at_least else ''}{budget.bound:g}{budget.unit}"
    source = f"[{budget.benchmark}]({budget.benchmark}.md)"
    if value is None:
        return f"| {budget.what} | {bound} | not measured | no | {source} |", False
    met = budget.is_met(value)
    shown = f"{value:.{budget.decimals}f}{budget.unit}"
    return f"| {budget.what} | {bound} | {shown} | {'yes' if met else '**no**'} | {source} |", met


def judge(figures: Figures, say: Callable[[list[str]], None]) -> int:
    """Say how each budget stands; return how many are not met."""
    rows = [row(budget, figures) for budget in BUDGETS]
    unmet = sum(not met for _, met in rows)
    head = [
        "# Budgets",
        "",
        f"Made by `make bench`. Of {len(rows)} budgets {len(rows) - unmet} are met.",
        "",
    ]
    say(
        [
            *head,
            "| what | at most | measured | met | by |",
            "|---|---|---|---|---|",
            *(line for line, _ in rows),
        ]
    )
    return unmet


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--figures", type=Path, default=Path("reports/overhead"))
    options = parser.parse_args()
    judge(read(options.figures), lambda lines: publish(lines, options.figures / "README.md"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
