"""Ways to stop, kill or confuse the ranks of a program that is audited: how it ends, what it says,
what is left.

    python benchmarks/rank_faults.py [--only WORD …] [--out reports/launchers]

Nothing may be left running, and every trace that was begun can be read. An audit that cannot be
done says so in one line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from survival import (
    REPROAUDIT,
    ROOT,
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

from reproaudit.errors import ReproauditError
from reproaudit.model.events import EventKind, OutcomeKind
from reproaudit.trace.ending import read_outcome
from reproaudit.trace.runs import open_run
from reproaudit.trace.schema import EVENTS_FILE

OUT = ROOT / "reports" / "launchers"
PROGRAMS = Path(__file__).parent / "faulty_ranks"
MARK = "RANK_FAULTS_MARK"
WAIT_S = 90.0  # for a moment to come
LIMIT_S = 240.0
TORCHRUN = ("torchrun", "--standalone", "--nproc-per-node", "2")
OPTIONS = ("--runs", "2", "--no-alerts", "--no-diagnosis")
REPRODUCIBLE = (0,)
DIFFERS = (1,)
NOT_AUDITED = (2,)
KILLED = (-9,)
INTERRUPTED = r"the audit was interrupted; the running program was stopped .*\[interrupted\]"
NO_TORCH = r"no process .*imported torch.*\[no-training-step\]"

NOTEBOOK = "train.ipynb"
RANKS = 64  # of runs that are compared, and were never made
_TRAIN = """import torch
torch.manual_seed(0)
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    model(torch.randn(3, 4)).sum().backward()
    optimizer.step()
"""

Act = Callable[[subprocess.Popen[bytes], Path], None]
Prepare = Callable[[Path], None]  # is given the folder that is worked in


def do_nothing(process: subprocess.Popen[bytes], marks: Path) -> None:
    """Only look on."""


def prepare_nothing(folder: Path) -> None:
    """The programs are all that is needed."""


def write_notebook(*cells: str) -> Prepare:
    """Return what writes a notebook of cells of code."""

    def prepare(folder: Path) -> None:
        fields = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        document = {
            "cells": [{**fields, "source": cell} for cell in cells],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
        (folder / NOTEBOOK).write_text(json.dumps(document))

    return prepare


def cut_notebook(folder: Path) -> None:
    (folder / NOTEBOOK).write_text("{")


def write_traces(*, spoil: Prepare = prepare_nothing, ranks: int = RANKS) -> Prepare:
    """Return what writes the traces of two equal runs of many ranks, the second one spoilt.

    `ranks`: as many has the second one.
    """

    def prepare(folder: Path) -> None:
        for index, count in enumerate((RANKS, ranks)):
            write_run(folder / "out" / f"run-{index}", count)
        spoil(folder / "out" / "run-1")

    return prepare


def write_run(directory: Path, count: int) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.comparison.traces import Row, make_run_of_ranks

    names = ("weight", "bias")
    rows = [
        [Row(name, rank + 1, kind=EventKind.GRADIENT) for name in names] for rank in range(count)
    ]
    index = int(directory.name.rpartition("-")[2])
    make_run_of_ranks(directory.parent, index, rows)


def remove_rank(run: Path) -> None:
    shutil.rmtree(run / "child-40")


def cut_rank(run: Path) -> None:
    """Cut the events of a rank in the middle of one."""
    events = run / "child-40" / EVENTS_FILE
    os.truncate(events, events.stat().st_size - 10)


def empty_rank(run: Path) -> None:
    (run / "child-40" / "run.json").write_text("{")


def put_in_another_world(run: Path) -> None:
    """Put a rank of a run of fewer ranks in the place of one."""
    write_run(run.parent / "run-9", RANKS - 1)
    shutil.rmtree(run / "child-40")
    shutil.move(run.parent / "run-9" / "child-40", run / "child-40")
    shutil.rmtree(run.parent / "run-9")


@dataclass(frozen=True)
class Case:
    """What is audited, what is done to it meanwhile, and what is right.

    `says` is found in the one line that tells the outcome; empty where nobody is left to say it.
    `adds` is found anywhere in what is said.
    """

    name: str
    command: tuple[str, ...]
    right: tuple[int, ...] = NOT_AUDITED
    says: str = ""
    act: Act = do_nothing
    options: tuple[str, ...] = OPTIONS
    environment: tuple[tuple[str, str | None], ...] = ()
    before: tuple[str, ...] = ()  # what starts the command
    is_recorded: bool = True  # False: no process of it comes as far as a trace
    verb: str = ""  # what is done in place of an audit
    prepare: Prepare = prepare_nothing
    adds: str = ""
    broken: int = 0  # traces that cannot be read, for so they were made
    takes_port: bool = False  # another program listens at the ranks' port


def find_pids(
    process: subprocess.Popen[bytes], marks: Path, word: str = "waits-1"
) -> tuple[int, int] | None:
    """Return a rank that has come to its moment, and its parent; None if it never does."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and process.poll() is None:
        if (marks / word).exists():
            pid, parent = (marks / word).read_text().split()
            return int(pid), int(parent)
        time.sleep(0.02)
    return None


def signal_command(number: signal.Signals, times: int = 1) -> Act:
    """Return what sends the command a signal: of a terminal to its group, else to the keeper."""

    def act(process: subprocess.Popen[bytes], marks: Path) -> None:
        if find_pids(process, marks) is None:
            return
        for _ in range(times):
            if number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
                os.killpg(process.pid, number)
            else:
                os.kill(process.pid, number)

    return act


def kill_both(process: subprocess.Popen[bytes], marks: Path) -> None:
    """Kill the keeper and the process that does the work, so that neither sees to the other."""
    if find_pids(process, marks) is not None:
        workers = list_children(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        for pid in (*workers, process.pid):
            os.kill(pid, signal.SIGKILL)


def kill_worker(process: subprocess.Popen[bytes], marks: Path) -> None:
    """Kill the process that does the work."""
    if find_pids(process, marks) is not None:
        for pid in list_children(process.pid):
            os.kill(pid, signal.SIGKILL)


def signal_each(word: str, number: signal.Signals, *, is_launcher: bool = False) -> Act:
    """Return what sends a signal in each run: to the rank that says a word, or to its launcher."""

    def act(process: subprocess.Popen[bytes], marks: Path) -> None:
        while (found := find_pids(process, marks, word)) is not None:
            (marks / word).unlink()
            os.kill(found[1] if is_launcher else found[0], number)

    return act


def signal_launcher(number: signal.Signals) -> Act:
    return signal_each("waits-1", number, is_launcher=True)


def signal_rank(rank: int, number: signal.Signals) -> Act:
    return signal_each(f"waits-{rank}", number)


def interrupt_diagnosis(process: subprocess.Popen[bytes], marks: Path) -> None:
    """Press Ctrl-C once more runs have begun than those that decide."""
    folder = marks.parent / "out"
    end = time.monotonic() + WAIT_S
    while len(list(folder.glob("*.plan.json"))) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)


def ranks(*words: str) -> tuple[str, ...]:
    """Return the command that trains on two ranks by torchrun."""
    return (*TORCHRUN, "train.py", *words)


def list_cases() -> list[Case]:
    """Return all that is tried."""
    return [
        *list_signals(),
        *list_endings(),
        *list_oddities(),
        *list_commands(),
        *list_notebooks(),
        *list_comparisons(),
    ]


def list_signals() -> list[Case]:
    """Return signals to each of those who take part."""
    waiting = ranks("training:1:hang")
    stubborn = ranks("joining:all:ignore", "training:1:hang")
    found = [
        Case(f"{number.name} to the command", waiting, says=INTERRUPTED, act=signal_command(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ]
    twice = signal_command(signal.SIGINT, times=2)
    found += [
        Case("Ctrl-C twice at once", waiting, says=INTERRUPTED, act=twice),
        Case(
            "Ctrl-C while ranks are recorded by `record`",
            waiting,
            says="interrupted",
            act=twice,
            verb="record",
        ),
    ]
    found += [
        Case(
            "Ctrl-C, ranks ignore it", stubborn, says=INTERRUPTED, act=signal_command(signal.SIGINT)
        ),
        Case("SIGKILL to the keeper", waiting, KILLED, act=signal_command(signal.SIGKILL)),
        Case("SIGKILL to the worker", waiting, KILLED, act=kill_worker),
        Case("SIGKILL to keeper and worker", waiting, KILLED, act=kill_both),
        Case("SIGKILL to keeper and worker, ranks ignore signals", stubborn, KILLED, act=kill_both),
        Case("SIGTERM to torchrun", waiting, says="", act=signal_launcher(signal.SIGTERM)),
        Case("SIGKILL to torchrun", waiting, says="SIGKILL", act=signal_launcher(signal.SIGKILL)),
        Case(
            "SIGKILL to the shell of two ranks",
            ("bash", "both.sh", "training:1:hang"),
            says="SIGKILL",
            act=signal_launcher(signal.SIGKILL),
        ),
        Case(
            "SIGKILL to rank 0",
            ranks("training:0:hang"),
            says="rank 0",
            act=signal_rank(0, signal.SIGKILL),
        ),
        Case("SIGTERM to rank 1", waiting, says="rank 1", act=signal_rank(1, signal.SIGTERM)),
        Case(
            "SIGINT to rank 1",
            waiting,
            says="rank 1: KeyboardInterrupt",
            act=signal_rank(1, signal.SIGINT),
        ),
        Case(
            "Ctrl-C while a cause is looked for",
            ranks("--differs"),
            DIFFERS,
            act=interrupt_diagnosis,
            options=OPTIONS[:-1],
        ),
    ]
    for moment in ("importing", "joining", "reducing", "training", "ending"):
        name = f"rank 1 killed while {moment}"
        words = ranks(f"{moment}:1:kill=SIGKILL")
        found.append(Case(name, words, says="rank 1", options=("--steps", "all", *OPTIONS)))
    return found


def list_endings() -> list[Case]:
    """Return ranks that end otherwise than they should, or not at all."""
    raises = "rank 1: RuntimeError: no more of this"
    timeout = ("--timeout", "25", *OPTIONS)
    shell = ("bash", "both.sh")
    spawned = ("python", "train.py", "--spawn")
    return [
        Case("rank 1 raises before torch", ranks("importing:1:raise"), says="failed"),
        Case("rank 1 raises, rank 0 waits in a collective", ranks("reducing:1:raise"), says=raises),
        Case("rank 1 raises in training", ranks("training:1:raise"), says=raises),
        Case("rank 1 raises, two ranks by a shell", (*shell, "training:1:raise"), says=raises),
        Case("rank 1 raises, ranks by mp.spawn", (*spawned, "training:1:raise"), says="no more"),
        Case(
            "rank 1 killed, ranks by mp.spawn",
            (*spawned, "training:1:kill=SIGKILL"),
            says="SIGKILL",
        ),
        Case(
            "rank 1 ends by os._exit(0) in training", ranks("training:1:exit=0"), says="rank 1 had"
        ),
        Case("rank 1 ends by os._exit(3) in training", ranks("training:1:exit=3"), says="rank 1"),
        Case(
            "rank 1 ends by sys.exit(3) in training",
            ranks("training:1:leave=3"),
            says=r"rank 1: sys.exit\(3\)",
        ),
        Case(
            "rank 1 ends by raise SystemExit(3) in training",
            ranks("training:1:quit=3"),
            says="rank 1 had ended before",
        ),
        Case("rank 1 exits 0 without training", ranks("reducing:1:leave=0"), says="rank 1 had"),
        Case("all ranks exit 0 without training", ranks("--nothing"), says="no-training-step"),
        Case(
            "rank 1 hangs, --timeout",
            ranks("training:1:hang"),
            says="subject-timeout",
            options=timeout,
        ),
        Case(
            "ranks hang and ignore signals, --timeout",
            ranks("joining:all:ignore", "training:all:hang"),
            says="subject-timeout",
            options=timeout,
        ),
        Case(
            "rank 1 never joins, --timeout",
            ranks("joining:1:hang"),
            says="subject-timeout",
            options=timeout,
        ),
        Case(
            "rank 1 hangs before its first step and rank 0 waits, --timeout",
            ranks("reducing:1:hang"),
            says="subject-timeout",
            options=timeout,
        ),
        Case(
            "rank 1 hangs, two ranks by a shell, --timeout",
            (*shell, "training:1:hang"),
            says="subject-timeout",
            options=timeout,
        ),
        Case(
            "rank 1 fails in its first start, --max-restarts 1",
            (*TORCHRUN, "--max-restarts", "1", "train.py", "--file", "training:1:raise_at_first"),
            REPRODUCIBLE,
        ),
        Case(
            "rank 1 fails in both its starts, --max-restarts 1",
            (*TORCHRUN, "--max-restarts", "1", "train.py", "--file", "training:1:raise"),
            says=raises,
        ),
        Case(
            "the launcher leaves a rank behind",
            ("bash", "leaves.sh", "ending:1:hang"),
            says="rank 1",
        ),
        Case("rank 1 makes one step more", ranks("--uneven"), (0, 2)),
    ]


def list_oddities() -> list[Case]:
    """Return what ranks do to themselves and to what they start."""
    full = ("bash", "-c", 'ulimit -f 16; exec "$0" "$@"')
    return [
        Case(
            "rank 1 leaves a daemon in a session of its own",
            ranks("training:1:daemon"),
            REPRODUCIBLE,
        ),
        Case(
            "rank 1 with workers that load data is killed",
            ranks("--workers", "training:1:kill=SIGKILL"),
            says="rank 1",
        ),
        Case("rank 1 closes all descriptors", ranks("training:1:close"), (0, 2)),
        Case(
            "rank 1 clears its environment and starts others",
            ranks("training:1:forget"),
            REPRODUCIBLE,
        ),
        Case(
            "files may have 16 KiB",
            ranks(),
            says=r"disk-full|trace-(incomplete|unwritable)|failed",
            before=full,
            is_recorded=False,
        ),
        Case(
            "files of ranks may have 16 KiB",
            (*full, *ranks()),
            says=r"disk-full|trace-(incomplete|unwritable)|failed",
            is_recorded=False,
        ),
        Case(
            "torchrun's port is taken",
            ("bash", "-c", "exec torchrun --nproc-per-node 2 --master-port $MASTER_PORT train.py"),
            says="failed",
            adds="EADDRINUSE|[Aa]ddress already in use",
            takes_port=True,
        ),
        Case(
            "the port is taken, two ranks by a shell",
            ("bash", "both.sh"),
            says="failed",
            adds="EADDRINUSE|[Aa]ddress already in use",
            takes_port=True,
        ),
        Case("two ranks, then three", ("bash", "grows.sh"), says="world-changed"),
    ]


def list_commands() -> list[Case]:
    """Return commands that start no ranks."""
    path = f"/usr/bin{os.pathsep}/bin"
    return [
        Case(
            "torchrun is not installed",
            ranks(),
            says=r"torchrun.*\[",
            is_recorded=False,
            environment=(("PATH", path),),
        ),
        Case(
            "no such command", ("nosuchcommand", "x"), says=r"nosuchcommand.*\[", is_recorded=False
        ),
        Case("ls, which starts no Python", ("ls",), says=f"ls.*{NO_TORCH}"),
        Case("bash that starts nothing", ("bash", "-c", "true"), says=f"bash.*{NO_TORCH}"),
        Case("python without torch", ("bash", "-c", "python -c 'print(1)'"), says=NO_TORCH),
        Case("python -c", ("python", "-c", "print(1)"), says=NO_TORCH),
        Case("a command that fails", ("bash", "-c", "exit 5"), says="5"),
        Case("no such module", ("python", "-m", "nosuch.module"), says="nosuch", is_recorded=False),
        Case(
            "torchrun of a file that is not there",
            (*TORCHRUN, "nosuch.py"),
            says="failed",
            adds="nosuch.py",
        ),
    ]


def list_notebooks() -> list[Case]:
    """Return what a notebook and its kernel do, and what is done to them."""
    hangs = write_notebook(
        _TRAIN, "import os\nos.environ['RANK'] = '1'", "__import__('train').obey('hang')"
    )
    raises = write_notebook(_TRAIN, "print(2)", "raise ValueError('no more')", "print(4)")
    early = write_notebook("import torch", "print(2)", "raise ValueError('no more')", _TRAIN)
    killed = write_notebook(_TRAIN, "import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    subject = (NOTEBOOK,)
    ctrl_c = signal_command(signal.SIGINT)
    return [
        Case("notebook: Ctrl-C", subject, says=INTERRUPTED, act=ctrl_c, prepare=hangs),
        Case(
            "notebook: Ctrl-C on `record`",
            subject,
            says="interrupted",
            act=ctrl_c,
            verb="record",
            prepare=hangs,
        ),
        Case(
            "notebook: SIGKILL to keeper and worker",
            subject,
            KILLED,
            act=kill_both,
            prepare=hangs,
        ),
        Case("notebook: the kernel is killed", subject, says="SIGKILL", prepare=killed),
        Case(
            "notebook: an error in cell 3, after training",
            subject,
            says="in cell 3: ValueError: no more",
            prepare=raises,
        ),
        Case(
            "notebook: an error in cell 3, before training",
            subject,
            says="in cell 3: ValueError: no more",
            prepare=early,
        ),
        Case(
            "notebook: a cell hangs, --timeout",
            subject,
            says="subject-timeout",
            options=("--timeout", "25", *OPTIONS),
            prepare=hangs,
        ),
        Case(
            "notebook: it is none",
            subject,
            says=r"train.ipynb.*\[",
            prepare=cut_notebook,
            is_recorded=False,
        ),
    ]


def list_comparisons() -> list[Case]:
    """Return folders of traces of many ranks that were made elsewhere."""
    runs = ("out/run-0", "out/run-1")
    return [
        Case(
            "64 ranks, traces of two runs",
            runs,
            REPRODUCIBLE,
            verb="compare",
            prepare=write_traces(),
        ),
        Case(
            "64 ranks, one missing in one run",
            runs,
            says="not audited",
            verb="compare",
            prepare=write_traces(spoil=remove_rank),
            adds="rank-40",
        ),
        Case(
            "64 ranks, the events of one cut",
            runs,
            says=r"trace-incomplete|not audited",
            adds="rank-40",
            verb="compare",
            prepare=write_traces(spoil=cut_rank),
        ),
        Case(
            "64 ranks, the header of one cut",
            runs,
            adds="child-40",
            verb="compare",
            prepare=write_traces(spoil=empty_rank),
            broken=1,
        ),
        Case(
            "64 ranks, one of another world",
            runs,
            says=r"rank 40 .*world-changed",
            verb="compare",
            prepare=write_traces(spoil=put_in_another_world),
        ),
        Case(
            "64 ranks against 63",
            runs,
            says="world-changed",
            verb="compare",
            prepare=write_traces(ranks=RANKS - 1),
        ),
    ]


def make_folder(scratch: Path) -> tuple[Path, Path]:
    """Return a new folder with the programs, and one below it for what they say."""
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=scratch))
    marks = folder / "marks"
    marks.mkdir()
    for file in PROGRAMS.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder, marks


def end_marked(mark: str) -> list[str]:
    """Return the commands of processes that have the mark in their environment, and end them."""
    left = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() not in file.read_bytes():
                continue
            command = (file.parent / "cmdline").read_bytes().replace(b"\0", b" ")
            os.kill(int(file.parent.name), signal.SIGKILL)
        except OSError:
            continue
        left.append(Path(command.decode(errors="replace").strip()).name[:60])
    return left


def read_traces(out: Path) -> tuple[int, list[str]]:
    """Return how many traces there are below a folder of runs, and which cannot be read."""
    count = 0
    unreadable = []
    for header in sorted(out.glob("*/run.json")):
        name = header.parent.name
        try:
            opened = open_run(header.parent, 0)
        except (ReproauditError, OSError) as error:
            unreadable.append(f"{name}: {error}")
            continue
        count += len(opened.traces)
        unreadable += [f"{name}: {label}" for label in opened.unreadable]
    return count, unreadable


def find_unended(out: Path) -> list[str]:
    """Return the runs whose trace says that they still run."""
    found = []
    for header in sorted(out.glob("*/run.json")):
        outcome = read_outcome(header.parent)
        if outcome is not None and outcome.kind is OutcomeKind.RUNNING:
            found.append(header.parent.name)
    return found


def read_answer(ending: Ending) -> str:
    """Return the line that tells the outcome: an error, or the first of the report."""
    if ending.errors:
        return ending.errors[0]
    lines = [line for line in ending.out_text.splitlines() if line.strip()]
    if not lines:  # of `record`
        lines = [line for line in ending.err_text.splitlines() if line.startswith("reproaudit: ")]
    return lines[0].removeprefix("reproaudit: ") if lines else ""


def write_words(case: Case, out: Path) -> list[str]:
    """Return what follows `reproaudit` on the command line of a case."""
    if case.verb == "compare":
        return [case.verb, *case.command]
    dashes = [] if case.command == (NOTEBOOK,) else ["--"]
    if case.verb:
        return [case.verb, "--out", str(out / "run-0"), *dashes, *case.command]
    return [*case.options, "--out", str(out), *dashes, *case.command]


@contextlib.contextmanager
def choose_port(*, is_taken: bool) -> Iterator[str]:
    """Give the number of a port that is free, or that another program listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = str(server.getsockname()[1])
        if not is_taken:
            server.close()
        else:
            server.listen()
        yield port


def read_commit() -> str:
    """Return the commit whose code is tried, and + if it was changed since."""
    commit = subprocess.check_output(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, text=True)
    command = ["git", "status", "--porcelain", "reproaudit"]
    changed = subprocess.check_output(command, cwd=ROOT, text=True)
    return commit.strip() + ("+" if changed else "")


def try_case(case: Case, scratch: Path) -> Tried:
    """Do what one case says, and judge what came of it."""
    folder, marks = make_folder(scratch)
    mark = uuid.uuid4().hex
    programs = os.path.dirname(sys.executable)
    out = folder / "out"
    case.prepare(folder)
    with choose_port(is_taken=case.takes_port) as port:
        environment: dict[str, str | None] = {
            "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")]),
            "MARKS": str(marks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "GLOO_SOCKET_IFNAME": "lo",
            MARK: mark,
            **dict(case.environment),
        }
        ending = run(
            [*case.before, *REPROAUDIT, *write_words(case, out)],
            folder,
            environment=environment,
            timeout_s=LIMIT_S,
            meanwhile=lambda process: case.act(process, marks),
        )
    left = [*ending.left, *end_marked(mark)]
    faults = ending.find_faults()
    if left and not ending.left:
        faults.append(f"left running: {', '.join(left)}")
    traces, unreadable = read_traces(out)
    faults += judge(case, ending, out, unreadable)
    answer = scrub(read_answer(ending), folder, scratch)
    cells = (str(ending.code), answer, str(len(left)), str(traces), read_commit())
    return Tried(case.name, cells, tuple(scrub(one, folder, scratch) for one in faults))


def judge(case: Case, ending: Ending, out: Path, unreadable: Sequence[str]) -> list[str]:
    """Return what is wrong with how a case ended, besides what is left of it."""
    faults = []
    if len(unreadable) != case.broken:
        faults += [f"a trace cannot be read: {one}" for one in unreadable]
    if case.right != KILLED:  # then nobody is left to write it
        faults += [f"the trace of {name} says that it runs" for name in find_unended(out)]
    if ending.code not in case.right:
        wanted = " or ".join(map(str, case.right))
        faults.append(f"exit code {ending.code} instead of {wanted}")
    if not re.search(case.says, read_answer(ending)):
        faults.append(f"it does not say {case.says!r}")
    if not re.search(case.adds, ending.out_text + ending.err_text):
        faults.append(f"nowhere does it say {case.adds!r}")
    if case.is_recorded and not list(out.glob("*/run.json")):
        faults.append("no trace is left")
    return faults


def choose_cases(words: Sequence[str]) -> list[Case]:
    """Return the cases that have one of the words in their names; without words all."""
    return [case for case in list_cases() if not words or any(word in case.name for word in words)]


def make_table() -> Table:
    about = (
        "Ranks that are stopped, killed or confused",
        "Audits of a small DDP program on two gloo ranks, two runs of four steps, by torchrun",
        "where nothing else is said; notebooks, and traces of 64 ranks that were written for this,",
        "where they are named. Right is exit code 2 where nothing could be compared, 0 where",
        "the program did its work, 1 where a difference was found before; a signal that cannot be",
        "caught is its own answer. Whatever happens no process is left, told by a mark in its",
        "environment and by who adopts it; every trace that was begun is read; one line tells the",
        "outcome, without a traceback. `commit` is that of the code that a row was made with.",
    )
    columns = (
        "what is done",
        "exit code",
        "the line that tells the outcome",
        "left",
        "traces read",
        "commit",
    )
    return Table("faults", about, columns, "python benchmarks/rank_faults.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="cases named so")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    adopt_orphans()
    heed_signals()
    table = make_table()
    names = [case.name for case in list_cases()]
    rows: list[Tried] = []
    with tempfile.TemporaryDirectory(prefix="rank-faults-") as text:
        for case in choose_cases(options.only):
            rows.append(tell(try_case(case, Path(text))))
            # At once: the whole takes long, and what is known so far is worth keeping.
            table.write(rows, options.out, names)
    return int(any(row.faults for row in rows))


if __name__ == "__main__":
    sys.exit(main())
