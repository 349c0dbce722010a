"""Whether recording leaves strange programs as they are.

python benchmarks/strange_programs.py [--only jit_trace] [--out reports/robustness/programs.md]

Each program of `strange/` runs plainly, and recorded at both levels. What it prints, how it ends,
what it leaves in its folder and which of its processes are left must be the same; what the recorder
itself prints, on stderr, does not count. Exit code 1 if one is not.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from figures import publish

from reproaudit.errors import TraceError
from reproaudit.model.events import OutcomeKind
from reproaudit.trace.ending import read_outcome
from reproaudit.trace.reader import Trace

HERE = Path(__file__).parent / "strange"
LEVELS = ("boundary", "operation")
TIMEOUT_S = 300
SETTLING_S = 2.0  # for children that end by themselves
_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True)
class Ending:
    """What is seen of a run from outside. `code` is negative for a signal, as in subprocess."""

    code: int | None
    output: bytes
    files: tuple[str, ...]
    left: tuple[str, ...]

    def compare(self, other: Ending) -> list[str]:
        """Return in what the other, a recorded run, is unlike this one."""
        found = []
        if other.code != self.code:
            found.append(f"ended with {other.code} instead of {self.code}")
        if other.output != self.output:
            found.append(f"printed {_show(other.output)} instead of {_show(self.output)}")
        if other.files != self.files:
            found.append(f"left the files {', '.join(other.files) or 'none'}")
        # What the program leaves running ends with its recording.
        if other.left:
            found.append(f"left running: {', '.join(other.left)}")
        return found


def list_programs(only: Sequence[str]) -> list[Path]:
    found = sorted([*HERE.glob("*.py"), *HERE.glob("*/main.py")])
    return [path for path in found if not only or name_of(path) in only]


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "main.py" else path.stem


def run(words: Sequence[str], folder: Path) -> Ending:
    """Run in an empty folder, and end what is left of it."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        code = None
    left = end_children()
    names = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    return Ending(code, output, tuple(names), left)


def end_children() -> tuple[str, ...]:
    """Return the commands of processes that did not end, which are this one's children by then."""
    end = time.monotonic() + SETTLING_S
    while list_children() and time.monotonic() < end:
        time.sleep(0.1)
        reap()
    left = []
    for pid in list_children():
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        left.append(command.decode(errors="replace").strip()[:60])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return tuple(left)


def list_children() -> list[int]:
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def record(path: Path, level: str, folder: Path) -> tuple[Ending, str]:
    """Return what the recorded program did, and what is wrong with its trace."""
    trace = folder.with_name(f"{folder.name}-trace")
    words = [sys.executable, "-m", "reproaudit", "record", "--quiet", "--steps", "all"]
    ending = run([*words, "--level", level, "--out", str(trace), str(path)], folder)
    outcome = read_outcome(trace)
    if outcome is None:
        return ending, "no trace was written"
    code = outcome.code
    if outcome.kind is OutcomeKind.COMPLETED:
        code = 0
    elif outcome.kind is OutcomeKind.RAISED:
        code = 1
    elif outcome.kind is OutcomeKind.KILLED and code is not None:
        code = -abs(code)
    fault = ""
    try:
        if not len(Trace.open(trace).events):
            fault = "nothing was recorded"
    except TraceError as error:
        fault = str(error)
    shutil.rmtree(trace)
    return Ending(code, ending.output, ending.files, ending.left), fault


def check(path: Path, folder: Path) -> list[str]:
    """Return what recording changes in a program."""
    plain = run([sys.executable, str(path)], folder / "plain")
    faults = []
    for level in LEVELS:
        ending, fault = record(path, level, folder / level)
        found = plain.compare(ending)
        if fault:
            found.append(fault)
        faults += [f"{level}: {one}" for one in found]
    return faults


def _show(output: bytes) -> str:
    text = output.decode(errors="replace").strip()
    if len(text) > 60:
        text = f"{text[:30]} … {text[-30:]}"
    return repr(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    # Children that lose their parent become ours, and can be seen.
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    rows = []
    survived = 0
    for path in list_programs(options.only):
        title = (path.read_text().split('"""')[1]).replace("\n", " ")
        with tempfile.TemporaryDirectory() as folder:
            faults = check(path, Path(folder))
        survived += not faults
        said = "; ".join(faults).replace("|", "\\|")
        rows.append(f"| {name_of(path)} | {title} | {said or 'the same'} |")
        print(rows[-1], file=sys.stderr, flush=True)
    lines = [
        f"Recorded at both levels: {survived} of {len(rows)} programs are the same as plainly.",
        "",
        "| program | what is strange | recorded |",
        "|---|---|---|",
        *rows,
    ]
    publish(lines, options.out)
    return int(survived != len(rows))


if __name__ == "__main__":
    sys.exit(main())
