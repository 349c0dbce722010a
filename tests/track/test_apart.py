"""Trackers in a process apart: what they do there does nothing here."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.track import process_apart
from reproaudit.track.apart import Attempt, log_apart
from reproaudit.track.record import Logged
from reproaudit.track.registry import TRACKERS, Entry, Wanted
from tests.report import cases
from tests.track.conftest import TRACKER_VARIABLES

pytestmark = pytest.mark.filterwarnings(
    "ignore::sqlalchemy.exc.SADeprecationWarning"  # what MLflow asks of it
)
RESULTS = (cases.ONE_DIVERGENCE, cases.REPRODUCIBLE)
MADE = Wanted("made")


@pytest.fixture
def make_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what makes the tracker MADE, of what its adapter does to log."""

    def make(statement: str) -> None:
        (tmp_path / "made_tracker.py").write_text(
            "import os, sys, threading, time\n"
            "from reproaudit.track.record import Logged\n"
            "class Made:\n"
            "    def log(self, record, place=''):\n"
            f"        {statement}\n"
            "        return Logged('made', record.tags[0][1])\n"
            "    def close(self):\n"
            "        pass\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(TRACKERS, "made", Entry("made_tracker", "Made", "platform", "1.0"))

    return make


def test_each_result_is_logged_to_a_real_store(mlflow_store: Any) -> None:
    attempt = log_apart(RESULTS, Wanted("mlflow", "audits"))
    assert attempt.failure == ""
    verdicts = [
        mlflow_store.get_run(logged.run).data.tags["reproaudit.verdict"]
        for logged in attempt.logged
    ]
    assert verdicts == ["not-reproducible", "reproducible"]


def test_a_run_without_a_network_is_whole_when_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TRACKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    (logged,) = log_apart(RESULTS[:1], Wanted("wandb")).logged
    content = Path(logged.place.removeprefix("wandb sync "), f"run-{logged.run}.wandb").read_bytes()
    for written in (b"not-reproducible", b"result.json", b"report.sarif"):
        assert written in content


def test_one_that_is_too_old_is_told_so(make_tracker: Callable[[str], None]) -> None:
    make_tracker("pass")
    TRACKERS["made"] = replace(TRACKERS["made"], oldest="99.1")
    attempt = log_apart(RESULTS, MADE)
    found = platform.__version__  # type: ignore[attr-defined]
    assert attempt == Attempt(failure=f"platform {found} is too old: 99.1 or newer is needed")


def test_what_a_tracker_prints_is_seen_by_nobody(
    make_tracker: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    make_tracker("print('{}'); os.write(1, b'noise'); print('noise', file=sys.stderr)")
    attempt = log_apart(RESULTS, MADE)
    assert attempt == Attempt((Logged("made", "not-reproducible"), Logged("made", "reproducible")))
    assert capfd.readouterr() == ("", "")


def test_what_was_logged_before_a_failure_is_told_with_it(
    make_tracker: Callable[[str], None],
) -> None:
    make_tracker("if record.tags[0][1] == 'reproducible': raise OSError('no room\\nleft')")
    attempt = log_apart(RESULTS, MADE)
    assert attempt.logged == (Logged("made", "not-reproducible"),)
    assert attempt.failure == "OSError: no room left"


def test_one_that_hangs_is_ended_with_all_that_it_started(
    make_tracker: Callable[[str], None], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    make_tracker(
        f"child = os.fork(); open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    )
    attempt = log_apart(RESULTS, MADE, most_s=3.0)
    assert attempt == Attempt(failure="it was not done after 3 seconds")
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 2
    deadline = time.monotonic() + 30
    while any(map(is_alive, found)) and time.monotonic() < deadline:
        os.sched_yield()
    assert not any(map(is_alive, found))


def is_alive(pid: int) -> bool:
    """Return True for a process that is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("statement", "failure"),
    [
        ("print('no server', file=sys.stderr); os._exit(7)", "its process ended: no server"),
        (
            "print('no https://me:s3cret@host/x', file=sys.stderr); os._exit(7)",
            "its process ended: no https://host/x",
        ),
        ("os.kill(os.getpid(), 11)", "its process ended: "),
        ("sys.exit('cannot log in')", "its process ended: cannot log in"),
    ],
)
def test_one_that_ends_the_process_ends_only_its_own(
    statement: str, failure: str, make_tracker: Callable[[str], None]
) -> None:
    make_tracker(statement)
    assert log_apart(RESULTS, MADE) == Attempt(failure=failure)


def test_an_answer_that_is_cut_off_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_apart, "_ask", lambda *_: b'{"logged": [')
    assert log_apart(RESULTS, Wanted("mlflow")).failure == "its process ended: "


@pytest.mark.parametrize(
    "statement",
    [
        "threading.Thread(target=time.sleep, args=[600]).start()",
        "import atexit; atexit.register(time.sleep, 600)",
    ],
)
def test_what_a_tracker_leaves_holds_nobody_up(
    statement: str, make_tracker: Callable[[str], None]
) -> None:
    make_tracker(statement)
    assert len(log_apart(RESULTS, MADE, most_s=60.0).logged) == 2
