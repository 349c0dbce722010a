from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs import overdue as module
from reproaudit.runs.overdue import Overdue
from tests.trace.sample import new_writer, op

STOPPED = Outcome(OutcomeKind.STOPPED, 0, "stopped after 3 steps")


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is ten seconds after the one before."""
    clock = itertools.count(0.0, 10.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))


def look(overdue: Overdue, times: int) -> Outcome | None:
    found = None
    for _ in range(times):
        found = found or overdue.look()
    return found


@pytest.mark.usefixtures("seconds")
def test_what_goes_on_and_records_nothing_after_a_stop_is_overdue(tmp_path: Path) -> None:
    overdue = Overdue(tmp_path)
    new_writer(tmp_path / "child-python-1" / "child-1").close(STOPPED, 3)
    found = look(overdue, 5)
    assert found is not None
    assert found.kind is OutcomeKind.STOPPED
    assert found.detail.startswith(STOPPED.detail)


@pytest.mark.usefixtures("seconds")
def test_a_run_in_which_nobody_was_stopped_may_take_as_long_as_it_likes(tmp_path: Path) -> None:
    overdue = Overdue(tmp_path)
    new_writer(tmp_path / "child-python-1").close(Outcome(OutcomeKind.COMPLETED, 0), 3)
    assert look(overdue, 20) is None


@pytest.mark.usefixtures("seconds")
def test_another_process_that_still_records_is_waited_for(tmp_path: Path) -> None:
    overdue = Overdue(tmp_path)
    new_writer(tmp_path / "child-python-1").close(STOPPED, 3)
    other = new_writer(tmp_path / "child-python-2")
    for number in range(10):
        op(other, number=number)
        other.flush(number)
        assert overdue.look() is None
    assert look(overdue, 5) is not None
