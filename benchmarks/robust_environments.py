"""An audit of a small program on strange machines and in strange shells.

python benchmarks/robust_environments.py [--only NAME] [--out reports/robustness]

Each row says what must come of it: the audit, or a refusal with one error whose code is named.
There is never a traceback, nor an exit code of 1 without a divergence; neither a process nor a
temporary folder is left.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from survival import (
    REPORTS,
    ROOT,
    Ending,
    Table,
    Tried,
    adopt_orphans,
    heed_signals,
    run,
    scrub,
    tell,
)

PROGRAM = """\
import sys, torch
torch.manual_seed({seed})
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(2):
    loss = layer(torch.randn(3, 4)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("tr\\u00e9s", file=sys.stderr)
"""
# What must come of a row, beside the codes of errors.
AUDITED = "audited"
DIFFERS = "differs"
WORDS = ("--runs", "2", "--steps", "2", "--no-alerts", "--no-diagnosis")
MODULE = ("-m", "reproaudit")
# For an interpreter that does not look at PYTHONPATH.
BY_PATH = (
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    "from reproaudit.__main__ import main; sys.exit(main())",
)
WITHOUT_PROC = "mount -t tmpfs none /proc"
READ_ONLY = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD"'
SMALL_DISK = "mkdir small && mount -t tmpfs -o size={} none small && export TMPDIR=$PWD/small"


@dataclass(frozen=True)
class Place:
    """A machine or a shell: what a shell does before the command, and how it sends its streams.

    `unshare` are flags of unshare(1), for what nobody else is to see.
    """

    name: str
    expected: str = AUDITED
    before: str = ""
    streams: str = ""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    entry: tuple[str, ...] = MODULE
    folder: str = "work"
    program: str = "train.py"
    unshare: str = ""


def variable(name: str, value: str | None, expected: str = AUDITED) -> Place:
    shown = "unset" if value is None else value
    return Place(f"{name} {shown}", expected, variables={name: value})


PLACES = (
    Place("nothing strange"),
    Place("a program that differs", DIFFERS, program="differing.py"),
    # The interpreter
    Place("python -O", flags=("-O",)),
    Place("python -OO", flags=("-OO",)),
    Place("python -I", flags=("-I",), entry=BY_PATH),
    Place("python -S, without site-packages", "module-missing", flags=("-S",)),
    Place("python -W error", flags=("-W", "error")),
    Place("python -X dev", flags=("-X", "dev")),
    Place("python -B -bb", flags=("-B", "-bb")),
    Place("python -X utf8=0, LC_ALL=C", flags=("-X", "utf8=0"), variables={"LC_ALL": "C"}),
    variable("PYTHONDONTWRITEBYTECODE", "1"),
    variable("PYTHONHASHSEED", "0"),
    variable("PYTHONWARNINGS", "error"),
    variable("PYTHONSAFEPATH", "1"),
    variable("PYTHONSTARTUP", "raises.py"),
    variable("PYTHONUNBUFFERED", "1"),
    variable("PYTHONIOENCODING", "ascii"),
    variable("PYTHONOPTIMIZE", "2"),
    variable("PYTHONMALLOC", "debug"),
    variable("PYTHONPYCACHEPREFIX", "/proc/nowhere"),
    variable("PYTHONNOUSERSITE", "1"),
    # Variables
    variable("HOME", None),
    variable("HOME", "/proc/nowhere"),
    variable("TMPDIR", "/proc/nowhere"),
    variable("PATH", None),
    variable("TERM", "dumb"),
    variable("TERM", None),
    variable("LANG", "C"),
    variable("LC_ALL", "xx_XX.nowhere"),
    variable("TZ", "Nowhere/Nowhere"),
    variable("NO_COLOR", "1"),
    variable("COLUMNS", "1"),
    variable("COLUMNS", "wide"),
    variable("OMP_NUM_THREADS", "1"),
    variable("OMP_NUM_THREADS", "many"),
    variable("CUDA_VISIBLE_DEVICES", ""),
    variable("TORCH_LOGS", "+dynamo"),
    Place(
        "an environment of 1.2 MB",
        variables={f"LARGE_{number}": "x" * 100_000 for number in range(12)},
    ),
    Place("a variable that is not UTF-8", before="export STRANGE=$(printf '\\377\\376')"),
    # Limits
    Place("ulimit -n 64", before="ulimit -n 64"),
    Place("ulimit -n 20", before="ulimit -n 20"),
    Place("ulimit -v 16 GB", before="ulimit -v 16000000"),
    Place("ulimit -v 0.2 GB", "subject-failed", before="ulimit -v 200000"),
    Place("ulimit -f 1 MB", "audited or trace-incomplete", before="ulimit -f 2048"),
    Place("ulimit -f 1 KB", "trace-unwritable", before="ulimit -f 2"),
    Place("ulimit -t 1: one second of processor time", "subject-failed", before="ulimit -t 1"),
    Place("ulimit -s 256 KB", before="ulimit -s 256"),
    Place("one core", before='exec taskset -c 0 "$@"'),
    Place("nice 19", before='exec nice -n 19 "$@"'),
    Place("umask 077", before="umask 077"),
    Place("umask 777", "audited or trace-unwritable", before="umask 777"),
    Place(
        "a user without a name, HOME or rights here",
        "audited or cannot-start",
        before='exec setpriv --reuid=54321 "$@"',
    ),
    # Streams
    Place("standard input closed", streams="<&-"),
    Place("standard output closed", "stream-closed", streams=">&-"),
    Place("standard error closed", "stream-closed", streams="2>&-"),
    Place("all streams closed", "nothing can be said", streams="<&- >&- 2>&-"),
    Place("standard output full", "report-write", streams=">/dev/full"),
    Place("standard error full", streams="2>/dev/full"),
    Place("that, and it differs", DIFFERS, streams="2>/dev/full", program="differing.py"),
    # Not `| true`, whose exit code is that of the reader.
    Place(
        "output to a reader that has gone",
        "exit code 2",
        before="mkfifo gone; (: < gone) & exec 9> gone; wait",
        streams=">&9",
    ),
    # Signals that whoever starts us ignores
    # Not by a trap: a shell that waits for children takes them itself, and passes on the default.
    Place("SIGCHLD ignored", before='exec env --ignore-signal=CHLD "$@"'),
    Place("SIGINT, SIGQUIT and SIGHUP ignored", before="trap '' INT QUIT HUP"),
    Place("SIGPIPE ignored", before="trap '' PIPE"),
    # Folders
    Place("a folder with spaces and quotes", folder="a b 'c' \"d\" $e `f`"),
    Place("a folder with a newline and an escape", folder="a\nb\x1b[31mc"),
    Place("a folder beyond ASCII", folder="Müller 数据 😀"),
    Place("a folder that is not UTF-8", folder=os.fsdecode(b"a\xff\xfeb")),
    Place("a program with a strange name", program="./--träin me\n'.py"),
    Place("a folder of a long name", folder="/".join(["x" * 200] * 12)),
    Place("the folder deleted", "no-working-folder", before='mkdir x && cd x && rmdir "$PWD"'),
    Place("the folder a link", before="ln -s . link && cd link"),
    Place("the folder read-only", unshare="-m", before=READ_ONLY),
    Place(
        "the temporary folder small",
        "audited or disk-full",
        unshare="-m",
        before=SMALL_DISK.format("2m"),
    ),
    Place("the temporary folder full", "disk-full", unshare="-m", before=SMALL_DISK.format("80k")),
    Place(
        "the temporary folder read-only",
        unshare="-m",
        before=f"{SMALL_DISK.format('1m')} && mount -o remount,ro small",
    ),
    Place("/dev/shm of 4 KB", unshare="-m", before="mount -t tmpfs -o size=4k none /dev/shm"),
    Place("no /proc", unshare="-m", before=WITHOUT_PROC),
    Place("no network", unshare="-n"),
    Place("a container's process numbers", unshare="-pf"),
)


def build_command(place: Place, *words: str) -> list[str]:
    """Return the command with all that is put before it."""
    command = [sys.executable, *place.flags, *place.entry, *words]
    before = place.before if place.before.startswith("exec ") else f'{place.before}\n"$@"'
    shell = ["/bin/sh", "-c", f"{before} {place.streams}", "sh"]
    outer = ["unshare", *place.unshare.split()] if place.unshare else []
    return [*outer, *shell, *command]


def judge(ending: Ending, expected: str, scratch: Path) -> tuple[str, list[str]]:
    """Return what came of it, and what is wrong with that."""
    faults = ending.find_faults()
    said = (ending.out_text.strip().splitlines() or [""])[0]
    if ending.code == 0 and said.startswith("reproducible"):
        outcome = AUDITED
    elif ending.code == 1 and said.startswith("not reproducible"):
        outcome = DIFFERS
    elif ending.code == 2 and ending.errors:
        said = ending.errors[0]
        outcome = said.rpartition("[")[2].rstrip("]")
    elif ending.code == 2 and not ending.out and not ending.err:
        outcome, said = "nothing can be said", "nothing"
    else:
        outcome = f"exit code {ending.code}"
        said = said or (ending.err_text.strip().splitlines() or ["nothing"])[-1]
    if outcome not in expected.split(" or "):
        faults.append(f"{outcome} instead of {expected}")
    # What an error names is kept for whoever reads it.
    output = ending.err_text + ending.out_text
    left = [path.name for path in scratch.glob("reproaudit-*") if path.name not in output]
    if left:
        faults.append(f"{len(left)} temporary folders left")
    return f"{ending.code}: {said}", faults


def make_folder(scratch: Path, name: str) -> Path:
    """Make the working folder, with the programs in it."""
    folder = scratch / "at" / name
    folder.mkdir(parents=True)
    for program, seed in (
        ("train.py", "0"),
        ("differing.py", "torch.seed()"),
    ):
        (folder / program).write_text(PROGRAM.format(seed=seed), encoding="utf-8")
    (folder / "raises.py").write_text("raise SystemExit('must not run')\n")
    return folder


def try_place(place: Place) -> Tried:
    """Audit in one place."""
    if place.unshare and not can_unshare(place.unshare):
        return Tried(place.name, not_tried=f"needs unshare {place.unshare}")
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        scratch = Path(text)
        scratch.chmod(0o777)
        folder = make_folder(scratch, place.folder)
        for path in (scratch / "at", folder):
            path.chmod(0o777)
        if not (folder / place.program).exists():
            (folder / "train.py").rename(folder / place.program)
        (scratch / "tmp").mkdir()
        (scratch / "tmp").chmod(0o1777)
        variables = {"TMPDIR": str(scratch / "tmp"), **place.variables}
        command = build_command(place, *WORDS, place.program)
        ending = run(command, folder, environment=variables, timeout_s=120)
        said, faults = judge(ending, place.expected, scratch / "tmp")
        return Tried(
            place.name,
            (place.expected, scrub(said, folder, scratch)),
            tuple(scrub(one, scratch) for one in faults),
        )


def can_unshare(flags: str) -> bool:
    done = subprocess.run(["unshare", *flags.split(), "true"], check=False, capture_output=True)
    return done.returncode == 0


def try_two_at_once(name: str) -> Tried:
    """Audit twice at the same time in one folder."""
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        folder = make_folder(Path(text), "work")
        words = [sys.executable, *MODULE, *WORDS, "train.py"]
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": text}
        beside = subprocess.Popen(
            words, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        ending = run(words, folder, environment={"TMPDIR": text})
        beside.communicate()
        said, faults = judge(ending, AUDITED, Path(text))
        if beside.returncode:
            faults.append(f"the other one ended with {beside.returncode}")
        return Tried(name, (AUDITED, said), tuple(faults))


def try_narrow_terminal(name: str) -> Tried:
    """Audit in a terminal of ten columns, which a progress line must bear."""
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        folder = make_folder(Path(text), "work")
        outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 10, 0, 0))
        redirected = f"2>{os.ttyname(inner)}"
        place = Place(name, streams=redirected)
        ending = run(build_command(place, *WORDS, "train.py"), folder, environment={"TMPDIR": text})
        said, faults = judge(ending, AUDITED, Path(text))
        os.close(inner)
        os.close(outer)
        return Tried(name, (AUDITED, said), tuple(faults))


SPECIAL = {
    "two audits at once in one folder": try_two_at_once,
    "a terminal of ten columns": try_narrow_terminal,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    adopt_orphans()
    heed_signals()
    rows = []
    for place in PLACES:
        if not options.only or place.name in options.only:
            rows.append(tell(try_place(place)))
    for name, try_it in SPECIAL.items():
        if not options.only or name in options.only:
            rows.append(tell(try_it(name)))
    about = (
        "Strange machines and shells",
        "A program of two steps is audited with two runs. Right is what the second column says:",
        "the audit, or a refusal with exit code 2 and one error of that code; without a traceback,",
        "and with no process and no temporary folder left.",
    )
    columns = ("where", "must", "exit code and first line")
    table = Table("environments", about, columns)
    names = [*(place.name for place in PLACES), *SPECIAL]
    return table.write(rows, options.out, names if options.only else ())


if __name__ == "__main__":
    sys.exit(main())
