"""What the file that enters the recorder costs every interpreter of its environment.

python benchmarks/entering.py [--starts 300] [--out reports/overhead/entering.md]

Two virtual environments without packages start Python in turn, one of them with `reproaudit.pth`
and its module; no audit's variables are set. The ratio is that of the median times.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from figures import publish, ratios

import reproaudit

STARTUP = Path(reproaudit.__file__).with_name("record") / "startup"
FILES = ("reproaudit.pth", "reproaudit.start", "_reproaudit_start.py")


def make_environment(folder: Path, *, is_entered: bool) -> Path:
    """Make a virtual environment and return its interpreter."""
    venv.create(folder, with_pip=False)
    if is_entered:
        (packages,) = folder.glob("lib/python*/site-packages")
        for name in FILES:
            shutil.copy(STARTUP / name, packages / name)
    return folder / "bin" / "python"


def time_start(python: Path, environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([python, "-c", "pass"], env=environment, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=300, help="of each interpreter (default 300)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("REPROAUDIT_")
    }
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as scratch:
        plain = make_environment(Path(scratch) / "plain", is_entered=False)
        entered = make_environment(Path(scratch) / "entered", is_entered=True)
        times: dict[Path, list[float]] = {plain: [], entered: []}
        for number in range(options.starts):
            # In turn, and each first as often: whatever else the machine does, it does to both.
            for python in (plain, entered) if number % 2 else (entered, plain):
                times[python].append(time_start(python, environment))
    found = ratios(times[entered], times[plain])
    medians = [1000 * statistics.median(times[python]) for python in (plain, entered)]
    ratio = medians[1] / medians[0]
    lines = [
        f"{options.starts} starts of each interpreter in turn, Python {sys.version.split()[0]}.",
        "",
        "| `python -c pass` | median, ms |",
        "|---|---|",
        f"| without the file | {medians[0]:.2f} |",
        f"| with it, no audit under way | {medians[1]:.2f} |",
        "",
        f"Ratio of medians {ratio:.3f}, of pairs {found}. Budget 1.02.",
    ]
    publish(lines, options.out, {"interpreter start with the file": ratio})


if __name__ == "__main__":
    main()
