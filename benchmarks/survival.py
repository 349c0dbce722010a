"""What the scripts of `make robustness` share: how a command is run and seen from outside, and the
table of what was tried and what was survived."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from reproaudit.prctl import set_subreaper

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "reports" / "robustness"
REPROAUDIT = (sys.executable, "-m", "reproaudit")
SETTLING_S = 2.0  # for children that end by themselves
TIMEOUT_S = 300.0
_ERROR = "reproaudit: error: "


@dataclass(frozen=True)
class Ending:
    """How a command ended. `code` is negative for a signal, None if it was ended at its limit.

    `left` are the commands of processes that it left running.
    """

    code: int | None
    out: bytes
    err: bytes
    seconds: float
    left: tuple[str, ...] = ()

    @property
    def out_text(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def err_text(self) -> str:
        return self.err.decode(errors="replace")

    @property
    def errors(self) -> list[str]:
        """The lines that are errors of reproaudit, on either stream."""
        lines = (self.err_text + "\n" + self.out_text).splitlines()
        return [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]

    def find_faults(self) -> list[str]:
        """Return what is wrong with an ending of reproaudit, whatever it was asked for."""
        found = []
        # That of the program is quoted behind the error that it failed.
        own = f"{self.err_text}\n{self.out_text}".partition("; its last output:\n")[0]
        if "Traceback (most recent" in own:
            found.append("a traceback")
        if self.code is None:
            found.append(f"still running after {self.seconds:.0f} s")
        if len(self.errors) > 1:
            found.append(f"{len(self.errors)} errors")
        if self.left:
            found.append(f"left running: {', '.join(self.left)}")
        return found


@dataclass(frozen=True)
class Tried:
    """A row: what was tried, what is shown of it, and why it was not survived.

    One that this machine does not allow has `not_tried`, the reason.
    """

    name: str
    cells: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    not_tried: str = ""


@dataclass(frozen=True)
class Wanted:
    """What must come of a command."""

    code: int = 0
    says: str = ""


def judge(name: str, ending: Ending, wanted: Wanted, *folders: Path, more: str = "") -> Tried:
    """Return the row of a command that ended: its exit code and the first line that says something.

    That is its error if there is one, and never a line of the progress.
    """
    faults = ending.find_faults()
    if ending.code != wanted.code:
        faults.append(f"exit code {ending.code} instead of {wanted.code}: {ending.err_text[-300:]}")
    if wanted.says not in ending.out_text + ending.err_text:
        faults.append(f"{wanted.says!r} is not said")
    said = ending.errors or ending.out_text.strip().splitlines() or ["nothing"]
    shown = scrub(f"{ending.code}: {said[0]}{more}", *folders)
    return Tried(name, (shown,), tuple(scrub(fault, *folders) for fault in faults))


def adopt_orphans() -> None:
    """Let processes that lose their parent become children of this one, so that they are seen."""
    set_subreaper(True)


def heed_signals() -> None:
    """Ignore no signal, as nohup and `&` would have us do: a command that is started would, too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def run(
    words: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str | None] | None = None,
    timeout_s: float = TIMEOUT_S,
    meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
) -> Ending:
    """Run a command in a folder, in a session of its own, and end what it leaves.

    A variable that is None is taken out of the environment. `meanwhile` is called while it runs.
    """
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    kept = {name: value for name, value in variables.items() if value is not None}
    known = set(list_children())
    start = time.monotonic()
    # Files, not pipes: a process that is left would keep a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            meanwhile(process)
            code: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        seconds = time.monotonic() - start
        left = _end_children(known)
        out.seek(0)
        err.seek(0)
        return Ending(code, out.read(), err.read(), seconds, left)


def _end_children(known: set[int]) -> tuple[str, ...]:
    """Return the commands of processes that did not end, which are this one's children by then.

    `known` are children of another's making.
    """
    end = time.monotonic() + SETTLING_S
    while _list_new(known) and time.monotonic() < end:
        time.sleep(0.05)
    left = []
    for pid in _list_new(known):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        left.append(Path(command.decode(errors="replace").strip()).name[:60])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return tuple(left)


def _list_new(known: set[int]) -> list[int]:
    """Return the children that still run; those that have ended are reaped."""
    running = []
    for pid in list_children():
        if pid not in known and os.waitpid(pid, os.WNOHANG) == (0, 0):
            running.append(pid)
    return running


def list_children(parent: int | None = None) -> list[int]:
    """Return the children of a process, or of this one; of one that has ended, none."""
    pid = os.getpid() if parent is None else parent
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []  # or this is not Linux, and nothing is adopted
    return [int(word) for word in text.split()]


def scrub(text: str, *folders: Path) -> str:
    """Return text for a table, without paths of this machine."""
    known = {*folders, ROOT, Path(sys.executable).parent, Path(sys.prefix), Path(sys.base_prefix)}
    names = {**dict.fromkeys(map(str, known), "…"), tempfile.gettempdir(): "TMP"}
    # One may lie in another, as a venv in the checkout.
    for folder in sorted(names, key=len, reverse=True):
        text = text.replace(folder, names[folder])
    text = " ".join(text.split())
    text = "".join(char if char.isprintable() else "�" for char in text)
    if len(text) > 200:
        text = f"{text[:120]} … {text[-70:]}"
    return text.replace("|", "\\|")


def describe_machine() -> str:
    """Return when and where the figures were made."""
    torch = importlib.metadata.version("torch")
    return (
        f"{datetime.date.today():%Y-%m-%d}, torch {torch}, Python {platform.python_version()}, "
        f"{platform.system()}, {os.cpu_count()} cores"
    )


@dataclass(frozen=True)
class Table:
    """A group of what was tried: `about` is a title, and sentences below it.

    `passed` is the word for a row without faults.
    """

    group: str
    about: Sequence[str]
    columns: Sequence[str]
    command: str = "make robustness"
    passed: str = "survived"

    def write(self, rows: Sequence[Tried], out: Path, part_of: Sequence[str] = ()) -> int:
        """Write `GROUP.md`, and the same as JSON; return 1 if one of the rows has faults.

        A part of the rows named takes their place in the table that is there.
        """
        kept = {name: Tried(name, not_tried="not run") for name in part_of}
        if part_of:
            kept |= {row.name: row for row in read_rows(out, self.group) if row.name in kept}
        kept |= {row.name: row for row in rows}
        out.mkdir(parents=True, exist_ok=True)
        text = "\n".join(self._make_lines(list(kept.values()))) + "\n"
        (out / f"{self.group}.md").write_text(text, encoding="utf-8")
        document = [asdict(row) for row in kept.values()]
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (out / f"{self.group}.json").write_text(text, encoding="utf-8")
        return int(any(row.faults for row in rows))

    def _make_lines(self, rows: Sequence[Tried]) -> list[str]:
        tried, survived = count(rows)
        title, *sentences = self.about
        lines = [
            f"# {title}",
            "",
            f"Made by `{self.command}`: {describe_machine()}.",
            *sentences,
            "",
            f"{tried} tried, {survived} {self.passed}.",
            "",
            f"| {' | '.join([*self.columns, self.passed])} |",
            f"|{'---|' * (len(self.columns) + 1)}",
        ]
        for row in rows:
            answer = "no: " + "; ".join(row.faults) if row.faults else "yes"
            if row.not_tried:
                answer = f"not tried: {row.not_tried}"
            blank = [""] * (len(self.columns) - 1 - len(row.cells))
            lines.append(f"| {' | '.join([row.name, *row.cells, *blank, answer])} |")
        return lines


def read_rows(out: Path, group: str) -> list[Tried]:
    """Return the rows of a table that was written before; none if it was not."""
    path = out / f"{group}.json"
    if not path.exists():
        return []
    rows = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        rows.append(Tried(row["name"], tuple(row["cells"]), tuple(row["faults"]), row["not_tried"]))
    return rows


def count(rows: Sequence[Tried]) -> tuple[int, int]:
    """Return how many were tried, and how many of these were survived."""
    tried = [row for row in rows if not row.not_tried]
    return len(tried), sum(not row.faults for row in tried)


def tell(row: Tried) -> Tried:
    """Print how a row went, for whoever watches."""
    said = row.not_tried or "; ".join(row.faults) or "survived"
    print(f"{row.name}: {said}", file=sys.stderr, flush=True)
    return row
