"""What recording costs in memory: a program's peak under each level over its peak plainly, each in
its own process.

python benchmarks/memory.py [--device cuda] [--steps 3] [--only gpt-27M] [--out
reports/overhead/memory.md]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch
from figures import in_child, peak_mib, publish
from programs import STEPS

from reproaudit.model.events import Level

LEVELS = ("plain", *(level.value for level in (Level.BOUNDARY, Level.OPERATION)))


def measure(program: str, level: str, steps: int, device: str) -> dict[str, float]:
    """Train in this process; return its peak in MiB, on the host and on the device."""
    torch.set_num_threads(1)
    step = STEPS[program](device)
    if level == "plain":
        for _ in range(steps):
            step()
    else:
        from recording import (
            recorder,  # only here: the recorder's own modules are part of what it costs
        )

        with tempfile.TemporaryDirectory() as scratch, recorder(Level(level))(Path(scratch)):
            for _ in range(steps):
                step()
    on_device = torch.cuda.max_memory_allocated() / (1 << 20) if device == "cuda" else 0.0
    return {"host": peak_mib(), "device": on_device}


def row(program: str, steps: int, device: str, measured: dict[str, float]) -> str:
    found = {}
    for level in LEVELS:
        words = (program, level, steps, device)
        found[level] = in_child(__file__, *words)
    where = "device" if device == "cuda" else "host"
    plain = found["plain"][where]
    cells = [f"{plain:.0f}"]
    for level in LEVELS[1:]:
        ratio = measured[f"{program}, {level}"] = found[level][where] / plain
        cells.append(f"{ratio:.2f} (+{found[level][where] - plain:.0f} MiB)")
    return f"| {program} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", choices=STEPS, action="append")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        program, level, steps, device = options.measure
        print(json.dumps(measure(program, level, int(steps), device)))
        return
    measured: dict[str, float] = {}
    memory = "allocated on the device" if options.device == "cuda" else "resident"
    head = [
        f"Peak {memory} over that of the plain program, {options.steps} steps, each in a process "
        "of its own.",
        "",
    ]
    head += ["| program | plain, MiB | boundary level | operation level |", "|---|---|---|---|"]
    rows = [row(name, options.steps, options.device, measured) for name in options.only or STEPS]
    publish([*head, *rows], options.out, measured)


if __name__ == "__main__":
    main()
