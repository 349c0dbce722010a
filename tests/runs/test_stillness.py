"""Whether anything moves in a run."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from reproaudit.runs import stillness
from reproaudit.runs.stillness import Stillness, measure_processor_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock, and the processor time of the run, which stand still until a test moves them."""
    work = SimpleNamespace(now=0.0, used_s=1.0, monotonic=lambda: work.now)
    monkeypatch.setattr(stillness, "time", work)
    monkeypatch.setattr(stillness, "measure_processor_time", lambda pid: work.used_s)
    return work


def test_a_run_stands_still_from_when_it_last_worked(work: SimpleNamespace, tmp_path: Path) -> None:
    watched = Stillness(1, [tmp_path])
    work.now = 2.0
    assert watched.measure() == 0
    work.now = 7.0
    assert watched.measure() == 5
    work.now, work.used_s = 9.0, 2.0
    assert watched.measure() == 0
    assert watched.longest_s == 5


def test_waking_up_now_and_then_is_no_work(work: SimpleNamespace, tmp_path: Path) -> None:
    watched = Stillness(1, [tmp_path])
    work.now = 2.0
    watched.measure()
    for _ in range(10):
        work.now += 2.0
        work.used_s += 0.01
        watched.measure()
    assert watched.measure() == 20


def test_what_is_written_moves(work: SimpleNamespace, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    watched = Stillness(1, [log, tmp_path / "traces"])
    work.now = 2.0
    watched.measure()
    work.now = 8.0
    log.write_text("step 1")
    assert watched.measure() == 0


def test_the_processor_time_of_this_process_grows_with_its_work() -> None:
    before = measure_processor_time(os.getpid())
    # That of children which have ended counts there, and not here.
    started = time.process_time()
    while time.process_time() < started + 0.05:
        pass
    assert measure_processor_time(os.getpid()) > before


def test_what_a_child_writes_is_work(work: SimpleNamespace, tmp_path: Path) -> None:
    events = tmp_path / "child-python-1" / "events.bin"
    events.parent.mkdir()
    events.touch()
    watched = Stillness(1, [tmp_path])
    work.now = 2.0
    assert watched.measure() == 0
    events.write_bytes(b"x")
    work.now = 4.0
    assert watched.measure() == 0
    work.now = 9.0
    assert watched.measure() == 5
