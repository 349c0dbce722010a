"""Processes that keep the cores busy beside a run."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from reproaudit.runs import neighbours
from reproaudit.runs.neighbours import keep_cores_busy, list_processors


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    processes: list[subprocess.Popen[bytes]] = []
    start = neighbours._start

    def start_and_keep(core: int) -> subprocess.Popen[bytes]:
        processes.append(start(core))
        return processes[-1]

    monkeypatch.setattr(neighbours, "_start", start_and_keep)
    return processes


def test_there_is_one_for_each_core_and_none_is_left(
    started: list[subprocess.Popen[bytes]],
) -> None:
    with keep_cores_busy() as number:
        assert number == len(list_processors()) == len(started)
        assert [process.poll() for process in started] == [None] * number
    assert None not in [process.returncode for process in started]


def test_none_is_left_after_an_interrupt(started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(KeyboardInterrupt), keep_cores_busy():
        raise KeyboardInterrupt
    assert None not in [process.returncode for process in started]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_one_that_was_left_alone_ends_by_itself() -> None:
    script = (
        "import os; from reproaudit.runs.neighbours import _start; "
        "print(_start(min(os.sched_getaffinity(0))).pid, flush=True); os._exit(0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    end = time.monotonic() + 60
    while _is_busy(int(ended.stdout)):
        assert time.monotonic() < end
        time.sleep(0.01)


def _is_busy(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
