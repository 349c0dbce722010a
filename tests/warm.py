"""Recorded programs in forks of one warmed process: torch is imported once for many of them.

    code, written, errors = warm.run(plan_path, folder, environment)

is what `python -m reproaudit.record PLAN.json` gives in `folder`, without the 1.4 s that importing
torch takes. The fork has entropy, random states, environment, working directory and streams of its
own. It shares with other forks what a process gets when it starts: the seed of string hashes, the
addresses of what was imported, and modules that are imported already. A test of any of these needs
an interpreter of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 300.0


class Ended(NamedTuple):
    """How a program ended: its exit code, negative for a signal, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run(plan: Path, folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run the plan in a fork that starts in `folder`; one that takes too long is a TimeoutError."""
    out, err = folder / "warm.stdout", folder / "warm.stderr"
    order = {
        "plan": str(plan),
        "folder": str(folder),
        "environment": dict(environment),
        "stdout": str(out),
        "stderr": str(err),
    }
    code = _process().run(order)
    return Ended(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


class _WarmProcess:
    """The process that holds torch and forks; started when it is first needed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self.stop)

    def run(self, order: dict[str, Any]) -> int:
        """Return the exit code of the fork that carries out the order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        pid = int(self._answer())
        try:
            return int(self._answer())
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            self._answer()
            raise

    def _answer(self) -> bytes:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], TIMEOUT_S)
        if not ready:
            raise TimeoutError(f"no answer from the warmed process in {TIMEOUT_S:g} s")
        line = self._process.stdout.readline()
        assert line, "the warmed process is gone"
        return line

    def stop(self) -> None:
        with self._process:  # closes its pipes and waits for it
            self._process.kill()


@cache
def _process() -> _WarmProcess:
    return _WarmProcess()


def serve() -> None:
    """Fork for each order that comes in, one after another, until there are no more."""
    import numpy  # noqa: F401 - what programs import is here before they are forked
    import torch.utils.data  # noqa: F401

    import reproaudit.record.process.bootstrap
    import reproaudit.record.process.install  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _run_and_exit(json.loads(line))
        _, status = os.waitpid(pid, 0) if _tell(pid) else (0, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> bool:
    # In one write and past Python's buffer, which a fork would copy.
    return os.write(1, b"%d\n" % number) > 0


def _run_and_exit(order: dict[str, Any]) -> None:
    from reproaudit.record.process.bootstrap import main

    code = 1
    try:
        _become(order)
        main(order["plan"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        # As an interpreter ends, in its order: threads, what was registered, buffers.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(order: dict[str, Any]) -> None:
    """Give the fork what a process that was just started has of its own."""
    import random

    import numpy as np
    import torch

    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path.insert(0, str(ROOT))
    sys.argv = ["reproaudit.record", order["plan"]]
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    _open_as(0, os.devnull, os.O_RDONLY)
    _open_as(1, order["stdout"], write)
    _open_as(2, order["stderr"], write)
    random.seed()
    np.random.seed()
    torch.seed()


def _open_as(descriptor: int, path: str, flags: int) -> None:
    file = os.open(path, flags, 0o666)
    os.dup2(file, descriptor)
    os.close(file)


if __name__ == "__main__":
    serve()
