"""Looks that may never end, as at a file system that does not answer: each is made in a process of
its own, which is ended after a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
# Without the working folder, where a program may have modules of the same names.
_START = "import sys; del sys.path[0]; sys.path.append(sys.argv.pop(1)); "
_GRACE_S = 2.0  # for a process that was killed to be gone


@dataclass(frozen=True, slots=True)
class Ended:
    """How a look ended: its exit code, None if it was given up, and what it printed by then."""

    code: int | None
    printed: str

    @property
    def last_line(self) -> str:
        """The last line that says something, as that of a traceback; else the exit code."""
        lines = [line.strip() for line in self.printed.split("\n") if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


def run_apart(
    code: str, words: Sequence[str], limit_s: float, *, keeps: Sequence[int] = ()
) -> Ended:
    """Run Python code that finds this package, for at most so long; `keeps` are file descriptors
    that it has too.

    The process reads nothing, and what it starts is ended with it. One that cannot be killed, for
    the kernel waits for a device in its name, is left: it goes when the device answers.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _START + code, str(_PACKAGE.parent), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_remove_inspect(os.environ),
        start_new_session=True,
        pass_fds=tuple(keeps),
    )
    assert process.stdout is not None
    try:
        printed, _ = process.communicate(timeout=limit_s)
        return Ended(process.returncode, _decode(printed))
    except subprocess.TimeoutExpired as late:
        return Ended(None, _decode(late.output))
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            _wait_a_little(process)
        process.stdout.close()


def _wait_a_little(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        # Popen asks after it now and then, and warns of what it finds: nobody waits for this one.
        process.returncode = -signal.SIGKILL


def _decode(printed: bytes | None) -> str:
    return (printed or b"").decode("utf-8", errors="replace")


def _remove_inspect(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variable by which an interpreter asks for more at its end
    and so never ends."""
    return {name: value for name, value in environ.items() if name != "PYTHONINSPECT"}
