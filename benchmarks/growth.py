"""How costs grow: time and memory per step, per operator, per run and per parameter, at sizes
decades apart.

python benchmarks/growth.py [--series steps …] [--most 1000000] [--out reports/overhead/growth.md]

Steps, operators and parameters are real recordings; the runs that are compared are traces that no
program made. Each figure comes from a process of its own. A column that stays the same from row to
row is what "flat" means.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from figures import in_child, peak_mib, publish
from traces import make_trace

REPEATS = 3
EVENTS_PER_RUN = 100_000


def best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the shortest time of one call: the others measure the machine's other users too."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def steps(count: int) -> dict[str, float]:
    """Record `count` steps of a small network at operation level, after one that fills caches."""
    import torch
    from recording import recorder

    from reproaudit.model.events import Level

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    x = torch.randn(16, 32)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    with tempfile.TemporaryDirectory() as scratch, recorder(Level.OPERATION)(Path(scratch)):
        step()
        before = peak_mib()
        start = time.perf_counter()
        for _ in range(count):
            step()
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "trace": _size(Path(scratch)),
            "peak": peak_mib(),
            "grown": peak_mib() - before,
        }


def ops(count: int) -> dict[str, float]:
    """Record `count` operators within one step, then read the trace and compare it with itself."""
    import torch
    from recording import recorder

    from reproaudit.config.tolerance import Tolerances
    from reproaudit.experiment.offline import compare_traces
    from reproaudit.model.events import Level

    torch.set_num_threads(1)
    y = torch.ones(16)
    with tempfile.TemporaryDirectory() as scratch:
        with recorder(Level.OPERATION)(Path(scratch)):
            y.mul_(1.0001)
            before = peak_mib()
            start = time.perf_counter()
            for _ in range(count // 2):
                y.mul_(1.0001)
                y.add_(0.5)
            seconds = time.perf_counter() - start
        peak = peak_mib()
        trace = next(Path(scratch).glob("*/t"))
        compared = best(
            lambda: compare_traces([trace, trace], Tolerances()), 1 if count > 100_000 else REPEATS
        )
        return {
            "seconds": seconds,
            "trace": _size(Path(scratch)),
            "peak": peak,
            "grown": peak - before,
            "compared": compared,
        }


def runs(count: int) -> dict[str, float]:
    """Compare `count` traces, of which all but the first differ from it in ten operators."""
    from reproaudit.config.tolerance import Tolerances
    from reproaudit.experiment.offline import compare_traces

    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / str(run) for run in range(count)]
        for run, folder in enumerate(folders):
            make_trace(folder, EVENTS_PER_RUN, run, differing=10)
        before = peak_mib()
        seconds = best(lambda: compare_traces(folders, Tolerances()))
        return {"seconds": seconds, "peak": peak_mib(), "grown": peak_mib() - before}


def parameters(count: int) -> dict[str, float]:
    """Digest one tensor of `count` float32 parameters."""
    import torch

    from reproaudit.record.digest.tensors import digest

    tensor = torch.full((count,), 0.5)
    digest(tensor[:16])
    before = peak_mib()
    calls = max(1, 1_000_000 // count)
    seconds = best(lambda: [digest(tensor) for _ in range(calls)]) / calls
    return {"seconds": seconds, "peak": peak_mib(), "grown": peak_mib() - before}


def _size(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


@dataclass(frozen=True)
class Series:
    """One way to grow: what a unit is, how it is measured, and at which sizes."""

    unit: str
    measure: Callable[[int], dict[str, float]]
    sizes: tuple[int, ...]
    per: int = 1  # units that the time column stands for


SERIES = {
    "steps": Series("step, recorded at operation level", steps, (1, 10, 100, 1000)),
    "ops": Series("operator, recorded within one step", ops, (1000, 10_000, 100_000, 1_000_000)),
    "runs": Series(f"run of {EVENTS_PER_RUN:,} events, compared", runs, (2, 5, 10, 20, 50)),
    "parameters": Series(
        "10⁵ parameters, digested",
        parameters,
        tuple(10**power for power in range(5, 10)),
        per=100_000,
    ),
}


COLUMNS = {
    "seconds": ("µs per unit", 1e6, ",.1f"),
    "trace": ("bytes of trace per unit", 1.0, ",.1f"),
    "grown": ("bytes of memory grown per unit", 1 << 20, ",.1f"),
    "compared": ("µs per unit to compare two", 1e6, ",.2f"),
}


def tabulate(name: str, series: Series, most: int, measured: dict[str, float]) -> list[str]:
    """Return the rows of one series, and keep how the last two sizes compare."""
    found = {size: in_child(__file__, name, size) for size in series.sizes if size <= most}
    columns = [key for key in COLUMNS if all(key in one for one in found.values())]
    lines = [f"## {name}: per {series.unit}", ""]
    lines += ["| size | " + " | ".join(COLUMNS[key][0] for key in columns) + " | peak MiB |"]
    lines += ["|---" * (len(columns) + 2) + "|"]
    for size, one in found.items():
        cells = [
            format(one[key] * COLUMNS[key][1] / size * series.per, COLUMNS[key][2])
            for key in columns
        ]
        lines.append(f"| {size:,} | " + " | ".join(cells) + f" | {one['peak']:,.0f} |")
    if len(found) > 1:
        (before, first), (size, last) = list(found.items())[-2:]
        growth = (last["seconds"] / size) / (first["seconds"] / before)
        lines += ["", f"Time per unit at {size:,} over that at {before:,}: {growth:.2f}."]
        measured[f"{name}, time per unit, largest over the one before"] = growth
        measured[f"{name}, peak, largest over smallest"] = (
            last["peak"] / next(iter(found.values()))["peak"]
        )
        if "trace" in last:
            measured[f"{name}, bytes of trace per unit"] = last["trace"] / size
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", choices=SERIES, action="append")
    parser.add_argument("--most", type=int, default=10**9, help="leave out larger sizes")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, size = options.measure
        print(json.dumps(SERIES[name].measure(int(size))))
        return
    measured: dict[str, float] = {}
    lines: list[str] = []
    for name in options.series or SERIES:
        lines += tabulate(name, SERIES[name], options.most, measured)
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
