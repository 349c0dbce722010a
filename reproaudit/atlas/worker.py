"""Fresh processes for the atlas, which report line by line.

One that dies or hangs costs the cells it was at, and no more.
"""

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
    """One worker process. `ended` says afterwards how it ended: "" if it did all of its task."""

    def __init__(self, task: Mapping[str, Any], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reproaudit.atlas.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=_make_environment(),
            start_new_session=True,
        )
        self._task = json.dumps(task)
        self._lines: queue.Queue[str | None] = queue.Queue()  # None: the worker closed its output
        self.is_timed_out = False
        self.ended = ""

    def records(self) -> Iterator[Record]:
        """Yield what the worker reports until it ends.

        A worker that reports nothing for too long is killed. Raises ReproauditError if it refuses
        the task.
        """
        self._send_task()
        is_started = False
        while True:
            try:
                line = self._lines.get(timeout=self._timeout_s if is_started else _START_S)
            except queue.Empty:
                self.is_timed_out = True
                self.stop()
                self.ended = f"no answer for {self._timeout_s:.0f} s"
                return
            if line is None:
                self.ended = _describe_exit(self._process.wait())
                return
            record = json.loads(line)
            if "end" in record:
                return
            if "refused" in record:
                raise ReproauditError(
                    f"the atlas cannot be swept here: {record['refused']}", code="atlas-device"
                )
            is_started = is_started or "at" in record
            yield record

    def _send_task(self) -> None:
        task, answers = self._process.stdin, self._process.stdout
        assert task is not None
        assert answers is not None
        # A thread reads, because reading a pipe cannot be given a time limit.
        threading.Thread(target=_pump, args=(answers, self._lines), daemon=True).start()
        try:
            task.write(self._task)
            task.close()
        except BrokenPipeError:
            self.ended = "it ended before it read its task"

    def stop(self) -> None:
        """Kill the process with all that it started."""
        if self._process.poll() is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.kill()
        self._process.wait()

    def read_last_words(self) -> str:
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
    """Run a one-line reproducer in a fresh interpreter.

    Returns (K, N) of the "K of N differ" that it prints, None if it fails or takes too long.
    """
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
    if done.returncode != 0 or counted is None:
        return None
    return int(counted[1]), int(counted[2])


def _make_environment() -> dict[str, str]:
    # glibc's caches per thread hand out small blocks without filling them: see `fill_memory`.
    tunables = ["glibc.malloc.tcache_count=0"]
    if os.environ.get("GLIBC_TUNABLES"):
        tunables.insert(0, os.environ["GLIBC_TUNABLES"])
    return {
        **os.environ,
        "GLIBC_TUNABLES": ":".join(tunables),
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


def _describe_exit(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
