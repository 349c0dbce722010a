"""Signals at every moment of an audit: how it ends, what it says, and what is left.

python benchmarks/robust_interruptions.py [--only WORD] [--out reports/robustness]

Ctrl-C, a hang-up and SIGQUIT go to the whole process group, as a terminal sends them; SIGTERM and
SIGKILL to the process that was started. Nothing may be left running, and no temporary folder that
was not named; what a killed audit leaves goes with the next one.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from survival import (
    REPORTS,
    REPROAUDIT,
    Ending,
    Table,
    Tried,
    adopt_orphans,
    heed_signals,
    list_children,
    run,
    scrub,
    tell,
)

# Each run says that it has begun, and takes a while.
PROGRAM = """\
import os, signal, subprocess, sys, time
import torch
marks = os.environ["MARKS"]
if "--stubborn" in sys.argv:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
if "--daemon" in sys.argv:
    subprocess.Popen(["sleep", "300"], start_new_session=True)
torch.manual_seed(0)
if "--differs" in sys.argv:
    torch.seed()
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(2):
    loss = layer(torch.randn(3, 4)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step == 0:
        open(f"{marks}/run-{len(os.listdir(marks))}", "w").close()
        time.sleep(300 if "--hangs" in sys.argv else 0.4)
"""
# Starts the command, which waits for a moment where it comes to a function.
PAUSE = """\
import importlib, os, sys, time
place, *words = sys.argv[1:]
module, _, name = place.partition(":")
owner = importlib.import_module(module)
inner = getattr(owner, name)
def pause(*args, **kwargs):
    open(os.path.join(os.environ["MARKS"], "paused"), "w").close()
    time.sleep(3)
    return inner(*args, **kwargs)
setattr(owner, name, pause)
sys.argv = ["reproaudit", *words]
from reproaudit.__main__ import main
sys.exit(main())
"""
WORDS = ("--runs", "3", "--steps", "2", "--no-alerts", "train.py")
COMPARING = "reproaudit.experiment.audit:compare_boundaries"
WRITING = "reproaudit.cli.audit:emit"
AFTERWARDS = "an audit after all these"
WAIT_S = 120.0  # for a moment to come
NOT_AUDITED = (2,)
DIFFERS = (1,)
AUDITED = (0,)
OF_GROUP = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Moment:
    """When a signal is sent: after so many seconds, or once a mark is there."""

    name: str
    mark: str = ""
    after_s: float = 0.0
    at: str = ""  # the function to wait at

    def wait(self, marks: Path, process: subprocess.Popen[bytes]) -> bool:
        """Wait for it; return False if the command has ended before."""
        end = time.monotonic() + WAIT_S
        while self.mark and not (marks / self.mark).exists():
            if process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.01)
        time.sleep(self.after_s)
        return process.poll() is None


STARTING = tuple(Moment(f"after {ms} ms", after_s=ms / 1000) for ms in (5, 20, 40, 80, 150, 300))
FIRST_RUN = Moment("in the first run", "run-0")
LATER_RUN = Moment("in the third run", "run-2")
DIAGNOSING = Moment("while a cause is looked for", "run-5")
PAUSES = (
    Moment("while runs are compared", "paused", at=COMPARING),
    Moment("while reports are written", "paused", at=WRITING),
)


@dataclass(frozen=True)
class Case:
    """Signals at a moment, and the exit codes that are right."""

    moment: Moment
    signals: tuple[signal.Signals, ...]
    right: tuple[int, ...]
    words: tuple[str, ...] = WORDS
    before: tuple[str, ...] = ()
    of_worker: bool = False  # to the process that does the work, not to the one that was started
    note: str = ""

    @property
    def name(self) -> str:
        names = ", ".join(one.name for one in self.signals) or "nothing"
        if self.of_worker:
            names += " of the working process"
        return " ".join(filter(None, (names, self.moment.name, self.note)))


def list_cases() -> list[Case]:
    """Return all that is tried."""
    end = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    killed = (signal.SIGQUIT, signal.SIGKILL)
    found = []
    for moment in STARTING:
        # Before anything of ours runs, a signal does what it does to any process.
        found += [Case(moment, (one,), (2, -one)) for one in (signal.SIGINT, signal.SIGTERM)]
    for moment in (FIRST_RUN, LATER_RUN, *PAUSES):
        found += [Case(moment, (one,), NOT_AUDITED) for one in end]
        found += [Case(moment, (one,), (-one,)) for one in killed]
    differing = (*WORDS, "--differs")
    for one in (signal.SIGINT, signal.SIGTERM):
        found.append(Case(DIAGNOSING, (one,), DIFFERS, differing, note="of a difference"))
    found.append(Case(DIAGNOSING, (signal.SIGKILL,), (-signal.SIGKILL,), differing))
    interrupt, kill = (signal.SIGINT,), (signal.SIGKILL,)
    for extra in ("--stubborn", "--daemon"):
        words = (*WORDS, extra)
        found.append(Case(FIRST_RUN, interrupt, NOT_AUDITED, words, note=f"({extra[2:]} program)"))
        found.append(Case(FIRST_RUN, kill, (-9,), words, note=f"({extra[2:]} program)"))
        found.append(
            Case(FIRST_RUN, kill, (-9,), words, of_worker=True, note=f"({extra[2:]} program)")
        )
    twice = (signal.SIGINT, signal.SIGINT)
    stopped = (signal.SIGSTOP, signal.SIGCONT)
    record = ("record", "--steps", "2", "--out", "trace", "train.py")
    hanging = ("--timeout", "6", *WORDS, "--hangs", "--daemon")
    found += [
        Case(FIRST_RUN, twice, NOT_AUDITED),
        Case(FIRST_RUN, stopped, AUDITED),
        Case(FIRST_RUN, (signal.SIGHUP,), AUDITED, before=("nohup",), note="under nohup"),
        Case(FIRST_RUN, (signal.SIGWINCH, signal.SIGPIPE), AUDITED),
        Case(FIRST_RUN, interrupt, NOT_AUDITED, record, note="of record"),
        Case(FIRST_RUN, (signal.SIGTERM,), NOT_AUDITED, record, note="of record"),
        Case(FIRST_RUN, kill, (-9,), record, note="of record"),
        Case(FIRST_RUN, interrupt, NOT_AUDITED, ("lock", "train.py"), note="of lock"),
        Case(Moment("hangs beyond --timeout"), (), NOT_AUDITED, hanging),
    ]
    return found


def list_folders(temporary: Path) -> list[Path]:
    """Return the temporary folders of audits; torch and the compiler have some of their own."""
    return list(temporary.glob("reproaudit-*"))


def make_sender(case: Case, marks: Path) -> Callable[[subprocess.Popen[bytes]], None]:
    """Return what sends the signals once the moment has come."""

    def send(process: subprocess.Popen[bytes]) -> None:
        if not case.moment.wait(marks, process):
            return
        for number in case.signals:
            if case.of_worker:
                for pid in list_children(process.pid):
                    os.kill(pid, number)
            elif number in OF_GROUP:
                os.killpg(process.pid, number)
            else:
                os.kill(process.pid, number)
            time.sleep(0.1)

    return send


def try_case(case: Case, scratch: Path, temporary: Path) -> Tried:
    """Send the signals of one case, and judge what came of it."""
    marks = Path(tempfile.mkdtemp(prefix="marks-", dir=scratch))
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=scratch))
    (folder / "train.py").write_text(PROGRAM)
    before = set(list_folders(temporary))
    command = [*REPROAUDIT, *case.words]
    if case.moment.at:
        command = [sys.executable, "-c", PAUSE, case.moment.at, *case.words]
    ending = run(
        [*case.before, *command],
        folder,
        environment={"MARKS": str(marks), "TMPDIR": str(temporary)},
        meanwhile=make_sender(case, marks),
    )
    faults = ending.find_faults()
    if ending.code not in case.right:
        wanted = " or ".join(map(str, case.right))
        faults.append(f"exit code {ending.code} instead of {wanted}")
    is_killed = ending.code in (-signal.SIGKILL, -signal.SIGQUIT)
    for left in set(list_folders(temporary)) - before:
        if not is_killed and str(left) not in ending.err_text:
            faults.append("a temporary folder is left that was not named")
    if case.moment.mark and not (marks / case.moment.mark).exists():
        faults.append("the moment did not come")
    cells = (str(ending.code), scrub(read_last_line(ending), folder, temporary))
    return Tried(case.name, cells, tuple(scrub(one, scratch) for one in faults))


def read_last_line(ending: Ending) -> str:
    """Return what was said last of all: the answer, or the line after the progress."""
    for text in (ending.out_text, ending.err_text):
        lines = [line for line in text.strip().splitlines() if line.startswith(("repro", "not "))]
        if lines:
            return lines[0] if text is ending.out_text else lines[-1]
    return (ending.err_text.strip().splitlines() or [""])[-1]


def try_next_audit(scratch: Path, temporary: Path) -> Tried:
    """Audit once more, which clears what those that were killed have left."""
    abandoned = [path for path in list_folders(temporary) if (path / "owner.json").exists()]
    case = Case(Moment("after all these"), (), AUDITED)
    row = try_case(case, scratch, temporary)
    left = [path for path in abandoned if path.exists()]
    faults = list(row.faults)
    if left:
        faults.append(f"{len(left)} of {len(abandoned)} abandoned folders are left")
    said = f"{len(abandoned) - len(left)} abandoned folders cleared"
    return Tried(AFTERWARDS, (row.cells[0], said), tuple(faults))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="WORD", help="cases that have it in the name")
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    adopt_orphans()
    heed_signals()
    rows = []
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        temporary = Path(text) / "tmp"
        temporary.mkdir()
        for case in list_cases():
            if options.only in case.name:
                rows.append(tell(try_case(case, Path(text), temporary)))
        rows.append(tell(try_next_audit(Path(text), temporary)))
    about = (
        "Signals and interruptions",
        "Audits of a small program with three runs. Ctrl-C (SIGINT), SIGHUP and SIGQUIT go to the",
        "process group, as from a terminal. Right is exit code 2, or 1 where a difference was",
        "found before, or the signal itself where it cannot be caught; no traceback, nothing left",
        "running, and no temporary folder that was not named. In its first 30 ms Python starts:",
        "no line of ours has run by then, and what an interrupt does is Python's own.",
    )
    columns = ("what and when", "exit code", "said last")
    table = Table("interruptions", about, columns)
    names = [*(case.name for case in list_cases()), AFTERWARDS]
    return table.write(rows, options.out, names if options.only else ())


if __name__ == "__main__":
    sys.exit(main())
