"""Runs commands one after the other, each under a time limit of its own: one that hangs or fails
stops no other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_S = (
    3.0  # from the interrupt, at which pytest and an audit stop what they started, to the kill
)
PASSED = "passed"


@dataclass(frozen=True)
class Part:
    """One command. `stdout` keeps its output in a file, which is there only if the command
    succeeded."""

    name: str
    command: tuple[str, ...]
    limit_s: float
    needs: tuple[
        str, ...
    ] = ()  # importable names; without one of them the part is not run, and counts as failed
    stdout: Path | None = None


@dataclass(frozen=True)
class Ended:
    """How a part ended: `status` is PASSED or says what went wrong."""

    part: Part
    status: str
    seconds: float


def run_parts(
    parts: Iterable[Part],
    cwd: Path,
    *,
    environment: dict[str, str] | None = None,
    missing: frozenset[str] = frozenset(),
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
) -> list[Ended]:
    """Run every part, whatever became of those before it, and say how each ended."""
    ended = []
    for part in parts:
        lacking = [name for name in part.needs if name in missing]
        if lacking:
            ended.append(Ended(part, f"not run: {', '.join(lacking)} missing", 0.0))
        else:
            say(f"+ {part.name}: {' '.join(part.command)}  (at most {part.limit_s:.0f} s)")
            ended.append(run_part(part, cwd, environment))
        say(f"= {part.name}: {ended[-1].status}, {ended[-1].seconds:.1f} s")
    return ended


def run_part(part: Part, cwd: Path, environment: dict[str, str] | None = None) -> Ended:
    """Run one command; at its limit interrupt it, then kill it and all that it started."""
    start = time.monotonic()
    partial = None if part.stdout is None else part.stdout.with_name(part.stdout.name + ".partial")
    with contextlib.ExitStack() as stack:
        output = None
        if partial is not None:
            partial.parent.mkdir(parents=True, exist_ok=True)
            output = stack.enter_context(open(partial, "wb"))
        try:
            process = subprocess.Popen(
                part.command,
                cwd=cwd,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                start_new_session=True,
            )
        except OSError as error:
            return Ended(part, f"cannot be started: {error}", time.monotonic() - start)
        try:
            process.wait(part.limit_s)
            status = (
                PASSED if process.returncode == 0 else f"failed: exit code {process.returncode}"
            )
        except subprocess.TimeoutExpired:
            _end(process)
            status = f"ended at its limit of {part.limit_s:.0f} s"
        except BaseException:
            _end(process)
            raise
    if partial is not None and part.stdout is not None:
        if status == PASSED:
            partial.replace(part.stdout)
        else:
            partial.unlink(missing_ok=True)
    return Ended(part, status, time.monotonic() - start)


def _end(process: subprocess.Popen[bytes]) -> None:
    # Audited programs run in sessions of their own, out of reach of a signal to the group.
    family = descendants(process.pid)
    _signal_group(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)
    for child in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def descendants(process: int) -> list[int]:
    """Return the processes that `process` started, and those that they started; Linux only,
    elsewhere none."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name stands in brackets and may hold anything; the state and the parent come after
            # it.
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found, open_ = [], [process]
    while open_:
        mine = children.get(open_.pop(), [])
        found += mine
        open_ += mine
    return found


def table(ended: Sequence[Ended]) -> list[str]:
    """Return Markdown lines that say how each part ended and how long it took."""
    rows = [f"| {one.part.name} | {one.status} | {one.seconds:.0f} |" for one in ended]
    return ["| part | how it ended | seconds |", "|---|---|---|", *rows]


def exit_code(ended: Sequence[Ended]) -> int:
    return 0 if all(one.status == PASSED for one in ended) else 1
