"""Runs that are made side by side come in order, and those that nobody wants any more are ended."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.model.events import NotChecked
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.executors.protocol import Job, JobEnd
from reproaudit.runs.request import RunRequest
from reproaudit.runs.side_by_side import MOST_LOSSES, SideBySide


class Underway:
    """Ends when it was looked at as often as is wanted; is lost if that is less than nothing."""

    def __init__(self, name: str, looks: int) -> None:
        self.name = name
        self.is_cancelled = False
        self._lost = "its node is gone" if looks < 0 else ""
        self._looks = looks

    def look(self) -> JobEnd | None:
        self._looks -= 1
        return JobEnd(hardware=self.name, lost=self._lost) if self._looks < 0 else None

    def lose_at_end(self, why: str) -> None:
        self._lost = why

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeExecutor:
    """Makes nothing; `looks` are those after which each job ends, one after the other."""

    width = 2
    is_here = True
    settings = Settings()
    notes: tuple[NotChecked, ...] = ()

    def __init__(self, *looks: int) -> None:
        self._looks = list(looks)
        self.submitted: list[tuple[str, int]] = []
        self.underway: list[Underway] = []

    def submit(self, job: Job, slot: int) -> Underway:
        name = job.plan.trace_dir.name
        self.submitted.append((name, slot))
        self.underway.append(Underway(name, self._looks.pop(0)))
        return self.underway[-1]

    def close(self) -> None:
        pass


class Bench:
    """A folder, an executor and whoever asks it; `lent` are the slots whose files are lent."""

    def __init__(self, folder: Path, *looks: int, most: int = 100) -> None:
        self.folder = folder
        self.executor = FakeExecutor(*looks)
        self.lent: list[int] = []
        self._most = most
        self.side_by_side = SideBySide(self.executor, self._begin)

    def _begin(self, request: RunRequest, slot: int, lent: contextlib.ExitStack) -> Job:
        if len(self.executor.submitted) >= self._most:
            raise BudgetSpent
        self.lent.append(slot)
        lent.callback(self.lent.remove, slot)
        trace_dir = self.folder / request.name
        trace_dir.mkdir()
        log = self.folder / f"{request.name}.log"
        log.touch()
        plan = RunPlan(trace_dir=trace_dir, subject=parse_subject("echo"))
        return Job(plan=plan, log=log, folder=self.folder, python="python")


def requests(count: int) -> list[RunRequest]:
    return [RunRequest(name=f"run-{index}", index=index, what="") for index in range(count)]


def test_ends_are_given_in_the_order_of_the_requests_whichever_ends_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 5, 0, 3, 0)
    names = [end.hardware for _, _, end in bench.side_by_side.run_all(requests(4))]
    assert names == ["run-0", "run-1", "run-2", "run-3"]


def test_no_two_jobs_have_a_slot_at_the_same_time_and_a_free_one_is_used_again(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, 20, 0, 0, 0)
    ends = bench.side_by_side.run_all(requests(4))
    next(ends)
    # While the first one went on, the others took turns in the other slot.
    assert bench.executor.submitted == [("run-0", 0), ("run-1", 1), ("run-2", 1), ("run-3", 1)]
    assert len(list(ends)) == 3
    assert bench.lent == []


def test_what_goes_on_when_nobody_asks_any_more_is_cancelled_and_removed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 0, 1000, 1000)
    ends = bench.side_by_side.run_all(requests(10))
    next(ends)
    ends.close()
    first, *others = bench.executor.underway
    assert not first.is_cancelled
    assert others
    assert all(one.is_cancelled for one in others)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-0", "run-0.log"]
    assert bench.lent == []


def test_what_keeps_a_run_from_being_begun_is_told_after_those_before_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 3, 3, most=2)
    ends = bench.side_by_side.run_all(requests(4))
    assert [next(ends)[0].name, next(ends)[0].name] == ["run-0", "run-1"]
    with pytest.raises(BudgetSpent):
        next(ends)


def test_a_run_that_is_asked_for_within_others_waits_for_a_slot(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 0, 5, 5, 0)
    ends = bench.side_by_side.run_all(requests(3))
    next(ends)
    inner = RunRequest(name="inner", index=0, what="")
    assert [end.hardware for _, _, end in bench.side_by_side.run_all([inner])] == ["inner"]
    assert [end.hardware for _, _, end in ends] == ["run-1", "run-2"]


LOST = -1


def test_a_run_that_was_lost_is_made_again_with_files_as_they_were_and_says_so(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, LOST, 0, 0)
    ends = [end for _, _, end in bench.side_by_side.run_all(requests(2))]
    # Made anew: _begin would fail if the folder of the lost one were still there.
    assert [name for name, _ in bench.executor.submitted] == ["run-0", "run-0", "run-1"]
    assert [end.hardware for end in ends] == ["run-0", "run-1"]
    assert [end.remade for end in ends] == ["its node is gone", ""]
    assert bench.lent == []


def test_a_run_that_is_lost_again_and_again_ends_with_a_fault(tmp_path: Path) -> None:
    bench = Bench(tmp_path, *[LOST] * MOST_LOSSES)
    [(_, _, end)] = bench.side_by_side.run_all(requests(1))
    assert end.fault is not None
    assert end.fault.code == "run-lost"
    assert "run-0 was lost 3 times" in end.fault.message
    assert bench.lent == []


def test_what_keeps_a_lost_run_from_being_made_again_is_told_in_its_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 2, LOST, most=2)
    ends = bench.side_by_side.run_all(requests(2))
    assert next(ends)[0].name == "run-0"
    with pytest.raises(BudgetSpent):
        next(ends)
    assert bench.lent == []


def test_a_run_that_was_made_again_is_cancelled_as_any_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 5, LOST, 1000)
    ends = bench.side_by_side.run_all(requests(2))
    next(ends)
    ends.close()
    assert bench.executor.underway[-1].is_cancelled
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-0", "run-0.log"]


def test_a_run_that_ends_while_a_lost_one_is_begun_again_is_given_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 2, 0, 0)
    is_first = True
    submit = bench.executor.submit

    def submit_one_that_is_lost_late(job: Job, slot: int) -> Underway:
        nonlocal is_first
        underway = submit(job, slot)
        if is_first:
            underway.lose_at_end("its node is gone")
        is_first = False
        return underway

    bench.executor.submit = submit_one_that_is_lost_late  # type: ignore[method-assign]
    ends = list(bench.side_by_side.run_all(requests(2)))
    assert [end.hardware for _, _, end in ends] == ["run-0", "run-1"]
    assert bench.lent == []
