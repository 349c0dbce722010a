"""What the command line costs before it does anything: CPU seconds of `reproaudit --help`, and of
plain Python.

python benchmarks/start_up.py [--repeats 10] [--out reports/overhead/start_up.md]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from figures import publish

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "reproaudit --help": ("-m", "reproaudit", "--help"),
    "reproaudit explain RA401": ("-m", "reproaudit", "explain", "RA401"),
}
# Everything that the parent of an audit imports before its first run starts.
PARENT = (
    "import sys, reproaudit.experiment.audit, reproaudit.cli.audit, reproaudit.report.terminal; "
    "print('torch' in sys.modules)"
)


def cpu_seconds(words: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        f"CPU seconds of {options.repeats} starts.",
        "",
        "| command | least | median |",
        "|---|---|---|",
    ]
    measured: dict[str, float] = {}
    for label, words in COMMANDS.items():
        found = [cpu_seconds(words) for _ in range(options.repeats)]
        measured[f"{label}, CPU s"] = min(found)
        lines.append(f"| {label} | {min(found):.3f} | {statistics.median(found):.3f} |")
    imports = subprocess.run(
        [sys.executable, "-c", PARENT], check=True, capture_output=True, text=True
    ).stdout.strip()
    measured["the parent imports torch"] = float(imports == "True")
    lines += [
        "",
        f"The parent process of an audit imports torch: {'yes' if imports == 'True' else 'no'}.",
    ]
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
