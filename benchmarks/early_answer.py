"""When the answer comes: a terminal is recorded while a program is audited in it.

python benchmarks/early_answer.py [--only graph_net] [--out reports/overhead/early_answer.md]

Plain runs are timed before and after the audit: times are in seconds and in plain runs.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from figures import publish

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = ("graph_net", "five_sources")
PLAIN_RUNS = 2  # before the audit, and as many after it
MOST_RUNS = 8  # of the program, until the verdict and the operator are known
ROWS, COLUMNS = 40, 100
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
IDLE = 0.5  # load average; above it others work beside this
REPORT_LINES = 1  # of the report that are shown: the answer


@dataclass(frozen=True)
class Line:
    """A line that stayed on the screen, and when it was whole."""

    seconds: float
    text: str


def run_plainly(program: Path) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, program],
            cwd=scratch,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start


def record_terminal(command: list[str], folder: Path) -> list[Line]:
    """Run the command in a terminal of its own; return the lines that stayed on it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    start = time.perf_counter()
    audit = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"NO_COLOR": "1", "TERM": "xterm"},
    )
    os.close(theirs)
    lines: list[Line] = []
    left = ""
    while chunk := read_some(ours):
        *whole, left = (left + chunk).split("\n")
        now = time.perf_counter() - start
        for line in whole:
            # What a bar wrote before it was overwritten is gone.
            shown = CONTROL.sub("", line.rstrip("\r")).rpartition("\r")[2].rstrip()
            if shown:
                lines.append(Line(now, shown))
    os.close(ours)
    audit.wait()
    return lines


def read_some(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode("utf-8", "replace")
    except OSError:  # Linux says so when nobody holds the other end any more
        return ""


def describe(name: str) -> tuple[list[str], dict[str, float]]:
    """Return the recording of one program, and after how many plain runs what was known."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "train.py"
        program.write_bytes((EXAMPLES / name / "train.py").read_bytes())
        plain = [run_plainly(program) for _ in range(PLAIN_RUNS)]
        lines = record_terminal([sys.executable, "-m", "reproaudit", "train.py"], Path(folder))
        plain += [run_plainly(program) for _ in range(PLAIN_RUNS)]
    one = statistics.median(plain)
    # The report repeats the verdict, with a headline of its own.
    verdicts = [number for number, line in enumerate(lines) if line.text.startswith("not rep")]
    report = verdicts[-1]
    verdict = lines[verdicts[0]].seconds / one
    operator = next(
        (line.seconds / one for line in lines[:report] if line.text.startswith("first differs")),
        lines[report].seconds / one,
    )
    end = lines[report].seconds / one
    shown = lines[: report + REPORT_LINES]
    rows = [f"{line.seconds:7.1f} s {line.seconds / one:6.1f}   {line.text}" for line in shown]
    text = [
        f"## {name}",
        "",
        f"One plain run: {one:.1f} s ({min(plain):.1f} to {max(plain):.1f}, before and after). "
        f"Verdict after {verdict:.1f} plain runs, operator after {operator:.1f}, all after "
        f"{end:.1f}.",
        "",
        "```text",
        "   time   runs   line",
        *rows,
        f"                   … and {len(lines) - len(shown)} more lines of the report",
        "```",
        "",
    ]
    return text, {
        f"{name}, verdict": verdict,
        f"{name}, verdict and operator": max(verdict, operator),
        f"{name}, all": end,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PROGRAMS, action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import torch

    load = os.getloadavg()[0]
    lines = [
        "# When the answer comes",
        "",
        "Made by `python benchmarks/early_answer.py`: an audit in a terminal, and when each line",
        "that stays on it was written.",
        f"The verdict and the operator are to be known after {MOST_RUNS} plain runs.",
        f"{date.today()}, torch {torch.__version__}, {os.cpu_count()} cores, load average "
        f"{load:.1f} when it began{': loaded' if load > IDLE else ''}.",
        "Only runs can be compared with other machines.",
        "",
    ]
    measured: dict[str, float] = {}
    for name in options.only or PROGRAMS:
        text, found = describe(name)
        lines += text
        measured |= found
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
