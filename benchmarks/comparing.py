"""What comparing and rendering cost: five traces of a million events each, equal and not.

python benchmarks/comparing.py [--events 1000000] [--runs 5] [--out reports/overhead/comparing.md]

Each case is compared in a process of its own, as `reproaudit compare` does it. Budget: 2 s and 1
GB.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import in_child, peak_mib, publish
from traces import all_gradients_differ, calls_from_outside, make_trace, other_draws, other_thread

# Arguments of `make_trace`; counts as shares of all events.
CASES: dict[str, dict[str, Any]] = {
    "equal": {},
    "a thousandth differs": {"differing": 1e-3},
    "a ten-thousandth missing": {"differing": 1e-4, "dropped": 1e-4},
    "every second differs": {"differing": 0.5},
    "a hundredth missing": {"dropped": 1e-2},
    "gradients only, all differ": {"alter": all_gradients_differ},
    "clock calls, all differ": {"alter": calls_from_outside},
    "a fifth random, all differ": {"alter": other_draws},
    "in another thread, all differ": {"alter": other_thread},
}


def measure(folders: list[Path]) -> dict[str, float]:
    """Compare the traces and render the result in every format; return what each took."""
    from reproaudit.config.tolerance import Tolerances
    from reproaudit.experiment.offline import compare_traces
    from reproaudit.report.registry import formats, render

    start, cpu = time.perf_counter(), time.process_time()
    result = compare_traces(folders, Tolerances())
    found = {"compare": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    for name in formats():
        start = time.perf_counter()
        text = render(result, name)
        found[f"render {name}"] = time.perf_counter() - start
        found[f"size {name}"] = len(text)
    assert "torch" not in sys.modules
    return found | {"peak": peak_mib(), "findings": len(result.findings)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs="+", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    lines = [f"{options.runs} traces of {options.events:,} events", ""]
    names = (
        "traces",
        "findings",
        "compare",
        "of it CPU",
        "render all formats",
        "the slowest",
        "largest report",
        "peak",
    )
    lines += [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    measured: dict[str, float] = {}
    for label, case in CASES.items():
        options_of = {
            name: int(options.events * value) if name != "alter" else value
            for name, value in case.items()
        }
        with tempfile.TemporaryDirectory() as scratch:
            folders = [Path(scratch) / str(run) for run in range(options.runs)]
            for run, folder in enumerate(folders):
                make_trace(folder, options.events, run, **options_of)
            found = in_child(__file__, *folders)
        renders = {name[7:]: value for name, value in found.items() if name.startswith("render ")}
        slowest = max(renders, key=lambda name: renders[name])
        largest = max(value for name, value in found.items() if name.startswith("size "))
        cells = [
            label,
            f"{found['findings']:.0f}",
            f"{found['compare']:.2f} s",
            f"{found['cpu']:.2f} s",
        ]
        cells += [f"{sum(renders.values()):.2f} s", f"{slowest}, {renders[slowest]:.2f} s"]
        cells += [f"{largest / 1024:,.0f} KiB", f"{found['peak']:,.0f} MiB"]
        lines.append(f"| {' | '.join(cells)} |")
        measured |= {f"{label}, compare, s": found["compare"], f"{label}, peak, MiB": found["peak"]}
        measured[f"{label}, render all, s"] = sum(renders.values())
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
