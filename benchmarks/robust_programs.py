"""Whether recording leaves strange programs as they are.

python benchmarks/robust_programs.py [--only jit_trace] [--out reports/robustness]

Each program of `strange/` runs plainly, and recorded at both levels. What it prints, how it ends,
what it leaves in its folder and which of its processes are left must be the same; what the recorder
itself prints, on stderr, does not count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from survival import (
    REPORTS,
    REPROAUDIT,
    Ending,
    Table,
    Tried,
    adopt_orphans,
    run,
    scrub,
    tell,
)

from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.trace.ending import read_outcome
from reproaudit.trace.reader import Trace

HERE = Path(__file__).parent / "strange"
LEVELS = ("boundary", "operation")
# How a program ends plainly where that is not 0: one that fails otherwise is wrong itself.
CODES = {
    "raises": 1,
    "exit_true": 1,
    # What torch imports is not the library's.
    "beside_random": 1,
    "beside_types": 1,
    "os_exit": 3,
    "closed_streams": 5,
    "exit_64": 64,
    "killed": -9,
}
# Flags of the interpreter that a program is run with.
FLAGS = {
    "optimised": ("-O",),
    "warnings_are_errors": ("-W", "error"),
    "development_mode": ("-X", "dev"),
}
# Programs in which there is nothing to record: what they import is not torch, or they end before.
EMPTY = ("beside_random", "beside_torch", "beside_types")


@dataclass(frozen=True)
class Seen:
    """What is seen of a run of a program from outside."""

    code: int | None
    output: bytes
    files: tuple[str, ...]
    left: tuple[str, ...] = ()

    def list_changes(self, recorded: Seen) -> list[str]:
        """Return in what a recorded run is unlike this one, a plain one."""
        found = []
        if recorded.code != self.code:
            found.append(f"ended with {recorded.code} instead of {self.code}")
        if recorded.output != self.output:
            found.append(f"printed {_quote(recorded.output)} instead of {_quote(self.output)}")
        if recorded.files != self.files:
            found.append(f"left the files {', '.join(recorded.files) or 'none'}")
        # What the program leaves running ends with its recording.
        if recorded.left:
            found.append(f"left running: {', '.join(recorded.left)}")
        return found


def list_programs(only: Sequence[str]) -> list[Path]:
    found = sorted([*HERE.glob("*.py"), *HERE.glob("*/main.py")])
    return [path for path in found if not only or name_of(path) in only]


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "main.py" else path.stem


def read_title(path: Path) -> str:
    """Return the first line of a program, which says what is strange about it."""
    return " ".join(path.read_text(encoding="utf-8").split('"""')[1].split())


def run_in(folder: Path, words: Sequence[str]) -> tuple[Ending, tuple[str, ...]]:
    """Run in a new folder; return the ending and the files that lie there afterwards."""
    folder.mkdir()
    ending = run(words, folder)
    names = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    return ending, tuple(names)


def run_plainly(path: Path, folder: Path) -> Seen:
    flags = FLAGS.get(name_of(path), ())
    ending, files = run_in(folder, [sys.executable, *flags, str(path)])
    return Seen(ending.code, ending.out, files)


def record(path: Path, level: str, folder: Path) -> tuple[Seen, str]:
    """Return what the recorded program did, and what is wrong with its trace."""
    trace = folder.with_name(f"{folder.name}-trace")
    python, *module = REPROAUDIT
    words = [python, *FLAGS.get(name_of(path), ()), *module, "record", "--quiet", "--steps", "all"]
    ending, files = run_in(folder, [*words, "--level", level, "--out", str(trace), str(path)])
    seen = Seen(ending.code, ending.out, files, ending.left)
    outcome = read_outcome(trace)
    if outcome is None:
        return seen, "no trace was written"
    seen = Seen(find_code(outcome), ending.out, files, ending.left)
    try:
        if not len(Trace.open(trace).events) and name_of(path) not in EMPTY:
            return seen, "nothing was recorded"
    except TraceError as error:
        return seen, str(error)
    return seen, ""


def find_code(outcome: Outcome) -> int | None:
    """Return the exit code of the program itself, as the trace tells it."""
    if outcome.kind is OutcomeKind.COMPLETED:
        return 0
    if outcome.kind is OutcomeKind.RAISED:
        return 1
    if outcome.kind is OutcomeKind.KILLED and outcome.code is not None:
        return -abs(outcome.code)
    return outcome.code


def check(path: Path, folder: Path) -> list[str]:
    """Return what recording changes in a program."""
    plain = run_plainly(path, folder / "plain")
    if plain.code != CODES.get(name_of(path), 0):
        return [f"the program itself ends with {plain.code}"]
    faults = []
    for level in LEVELS:
        seen, fault = record(path, level, folder / level)
        found = plain.list_changes(seen)
        if fault:
            found.append(fault)
        faults += [scrub(f"{level}: {one}", folder) for one in found]
    return faults


def _quote(output: bytes) -> str:
    text = output.decode(errors="replace").strip()
    if len(text) > 60:
        text = f"{text[:30]} … {text[-30:]}"
    return repr(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    adopt_orphans()
    rows = []
    for path in list_programs(options.only):
        with tempfile.TemporaryDirectory() as folder:
            faults = check(path, Path(folder))
        rows.append(tell(Tried(name_of(path), (read_title(path),), tuple(faults))))
    about = (
        "Strange programs, recorded",
        "Each program of `benchmarks/strange/` runs plainly, and recorded at both levels. What it",
        "prints, how it ends, and what it leaves in its folder must be the same; none of its",
        "processes may be left.",
    )
    table = Table("programs", about, ("program", "what is strange"))
    names = [name_of(path) for path in list_programs([])]
    return table.write(rows, options.out, names if options.only else ())


if __name__ == "__main__":
    sys.exit(main())
