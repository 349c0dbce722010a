"""What comparing and rendering cost: five traces of a million events each, equal and not.

python benchmarks/comparing.py [--events 1000000] [--runs 5] [--out reports/overhead/comparing.md]

Each case is compared in a process of its own, as `reproaudit compare` does it. Budget: 2 s and 1 GB.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from figures import in_child, peak_mib, publish
from traces import make_trace

# Events with other outputs and events that are missing, as shares of all.
CASES = {
    "equal": (0.0, 0.0),
    "a thousandth differs": (1e-3, 0.0),
    "100 of a million missing": (1e-4, 1e-4),
    "every second differs": (0.5, 0.0),
    "a hundredth missing": (0.0, 1e-2),
}


def measure(folders: list[Path]) -> dict[str, float]:
    """Compare the traces and render the result in every format; return what each took."""
    from reproaudit.criteria import Tolerances
    from reproaudit.offline import compare_traces
    from reproaudit.report.registry import formats, render

    start = time.perf_counter()
    result = compare_traces(folders, Tolerances())
    found = {"compare": time.perf_counter() - start}
    for name in formats():
        start = time.perf_counter()
        text = render(result, name)
        found[f"render {name}"] = time.perf_counter() - start
        found[f"size {name}"] = len(text)
    assert "torch" not in sys.modules
    return found | {"peak": peak_mib(), "findings": len(result.findings)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs="+", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    lines = [f"{options.runs} traces of {options.events:,} events", ""]
    lines += ["| traces | findings | compare | render all formats | the slowest of them | largest report | peak MiB |"]
    lines += ["|---|---|---|---|---|---|---|"]
    measured: dict[str, float] = {}
    for label, (differing, dropped) in CASES.items():
        with tempfile.TemporaryDirectory() as scratch:
            folders = [Path(scratch) / str(run) for run in range(options.runs)]
            for run, folder in enumerate(folders):
                counts = {"differing": int(options.events * differing), "dropped": int(options.events * dropped)}
                make_trace(folder, options.events, run, **counts)
            found = in_child(__file__, *folders)
        renders = {name[7:]: value for name, value in found.items() if name.startswith("render ")}
        slowest = max(renders, key=lambda name: renders[name])
        largest = max(value for name, value in found.items() if name.startswith("size "))
        lines.append(
            f"| {label} | {found['findings']:.0f} | {found['compare']:.2f} s | {sum(renders.values()):.2f} s "
            f"| {slowest}, {renders[slowest]:.2f} s | {largest / 1024:,.0f} KiB | {found['peak']:,.0f} |"
        )
        measured |= {f"{label}, compare, s": found["compare"], f"{label}, peak, MiB": found["peak"]}
        measured[f"{label}, render all, s"] = sum(renders.values())
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
