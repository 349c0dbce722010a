"""Fresh processes for the atlas: what they tell is read line by line; one that dies or hangs costs
what it was at."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any

from reproaudit.errors import ReproauditError

_START_S = 300.0  # importing torch and op_db on a busy machine, and making the plan
_COUNT = re.compile(r"^(\d+) of (\d+) differ$", re.MULTILINE)
_PROGRAM_S = 120.0
_TAIL_BYTES = 2000

Record = dict[str, Any]


class Worker:
    """One worker process. `ended` tells afterwards how it ended: "" if it did all of its task."""

    def __init__(self, task: Mapping[str, Any], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reproaudit.atlas.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=_environment(),
            start_new_session=True,
        )
        self._task = json.dumps(task)
        self.is_timed_out = False
        self.ended = ""

    def records(self) -> Iterator[Record]:
        """Yield what the worker tells until it ends, or tells nothing for too long and is killed."""
        lines: queue.Queue[str | None] = queue.Queue()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        threading.Thread(target=_pump, args=(self._process.stdout, lines), daemon=True).start()
        try:
            self._process.stdin.write(self._task)
            self._process.stdin.close()
        except BrokenPipeError:
            self.ended = "it ended before it read its task"
        is_started, is_complete = False, False
        while not is_complete:
            try:
                line = lines.get(timeout=self._timeout_s if is_started else _START_S)
            except queue.Empty:
                self.is_timed_out = True
                self.stop()
                self.ended = f"no answer for {self._timeout_s:.0f} s"
                return
            if line is None:
                self.ended = _ending(self._process.wait())
                return
            record = json.loads(line)
            is_started = is_started or "at" in record
            is_complete = "end" in record
            if "refused" in record:
                raise ReproauditError(
                    f"the atlas cannot be swept here: {record['refused']}", code="atlas-device"
                )
            if not is_complete:
                yield record

    def stop(self) -> None:
        """Kill the process with all that it started."""
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.kill()
        self._process.wait()

    def last_words(self) -> str:
        """Return the end of what the process wrote to standard error."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        return self._errors.read().decode("utf-8", "replace").strip()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()
        self._errors.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


def run_program(program: str) -> tuple[int, int] | None:
    """Run a one-line reproducer in a fresh interpreter; return (K, N) of its "K of N differ", None
    if it fails."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=_PROGRAM_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    counted = _COUNT.search(done.stdout)
    return (
        (int(counted[1]), int(counted[2])) if done.returncode == 0 and counted is not None else None
    )


def _environment() -> dict[str, str]:
    # glibc's caches per thread hand out small blocks without filling them: see `fill_memory`.
    tunables = [os.environ["GLIBC_TUNABLES"]] if os.environ.get("GLIBC_TUNABLES") else []
    return {
        **os.environ,
        "GLIBC_TUNABLES": ":".join([*tunables, "glibc.malloc.tcache_count=0"]),
        # Threads that wait sleep: spinning makes calls ten times slower where there are more
        # threads than cores.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _pump(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # the stream was closed by the other thread, which is done with it
        pass
    lines.put(None)


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
