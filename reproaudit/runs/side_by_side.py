"""Several runs at a time, given out in the order in which they were asked for."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.config.plan import name_plan_file
from reproaudit.runs.executors.protocol import Executor, Fault, Job, JobEnd, Underway
from reproaudit.runs.request import RunRequest

_POLL_S = 0.02
MOST_LOSSES = 3  # of one run; what always takes its machine with it would take one after another
# Begins a job in the slot that it is given; what must be undone when it has ended is in the stack.
Begin = Callable[[RunRequest, int, contextlib.ExitStack], Job]

Ended = tuple[RunRequest, Job, JobEnd]


@dataclass(slots=True)
class _Place:
    """One job from its beginning until its end is given out.

    `losses` says why it was lost, each time; `failure` is what kept it from being made again.
    """

    request: RunRequest
    job: Job
    slot: int
    underway: Underway
    lent: contextlib.ExitStack
    end: JobEnd | None = None
    losses: tuple[str, ...] = ()
    failure: Exception | None = None


class SideBySide:
    """Keeps an executor busy. Several askers may share it, one within another."""

    def __init__(self, executor: Executor, begin: Begin) -> None:
        self._executor = executor
        self._begin = begin
        self._free = list(range(executor.width))
        self._running: list[_Place] = []

    def run_all(self, requests: Iterable[RunRequest]) -> Generator[Ended, None, None]:
        """Give each run's end as soon as those of the ones before it were given.

        Others are begun meanwhile, and one that was lost is begun again. Whoever stops asking, by
        closing the iterator, ends those that go on.
        """
        wanted = iter(requests)
        is_exhausted = False
        # What kept a later run from being begun is told when those before it were given.
        failure: Exception | None = None
        queue: deque[_Place] = deque()
        try:
            while True:
                while not is_exhausted and len(queue) < 2 * self._executor.width:
                    if queue and not self._has_slot():
                        break
                    request = next(wanted, None)
                    if request is None:
                        is_exhausted = True
                        break
                    try:
                        queue.append(self._submit(request))
                    except Exception as error:
                        failure = error
                        is_exhausted = True
                if not queue:
                    if failure is not None:
                        raise failure
                    return
                self._look()
                end = queue[0].end
                if queue[0].failure is not None:
                    raise queue[0].failure
                if end is None:
                    time.sleep(_POLL_S)
                    continue
                first = queue.popleft()
                yield first.request, first.job, end
        finally:
            for place in queue:
                self._cancel(place)

    def _submit(self, request: RunRequest) -> _Place:
        while not self._has_slot():
            time.sleep(_POLL_S)
        slot = self._free.pop(0)
        lent = contextlib.ExitStack()
        try:
            job = self._begin(request, slot, lent)
            underway = self._executor.submit(job, slot)
        except BaseException:
            lent.close()
            self._give_back(slot)
            raise
        place = _Place(request=request, job=job, slot=slot, underway=underway, lent=lent)
        self._running.append(place)
        return place

    def _has_slot(self) -> bool:
        self._look()
        return bool(self._free)

    def _look(self) -> None:
        for place in list(self._running):
            # One that is begun again meanwhile has looked, too.
            if place not in self._running:
                continue
            end = place.underway.look()
            if end is None:
                continue
            self._release(place)
            if not end.lost:
                place.end = replace(end, remade=_word_losses(place.losses))
                continue
            place.losses = (*place.losses, end.lost)
            if len(place.losses) < MOST_LOSSES:
                self._submit_again(place)
            else:
                place.end = JobEnd(fault=_make_loss(place), hardware=end.hardware)

    def _submit_again(self, place: _Place) -> None:
        """Begin a run anew, with files that are as they were: what was lost may have written."""
        _remove(place.job)
        try:
            again = self._submit(place.request)
        except Exception as error:
            place.failure = error
            return
        self._running[self._running.index(again)] = place
        place.job, place.slot = again.job, again.slot
        place.underway, place.lent = again.underway, again.lent

    def _release(self, place: _Place) -> None:
        self._running.remove(place)
        place.lent.close()
        self._give_back(place.slot)

    def _give_back(self, slot: int) -> None:
        # The same one again where it can be: what lies in it is then at the same path.
        self._free.append(slot)
        self._free.sort()

    def _cancel(self, place: _Place) -> None:
        """End a run that nobody wants any more, and remove what it left."""
        if place in self._running:
            place.underway.cancel()
            self._release(place)
        _remove(place.job)


def _remove(job: Job) -> None:
    trace_dir = job.plan.trace_dir
    shutil.rmtree(trace_dir, ignore_errors=True)
    for left in (job.log, Path(name_plan_file(trace_dir))):
        left.unlink(missing_ok=True)


def _word_losses(losses: tuple[str, ...]) -> str:
    return "; then ".join(losses)


def _make_loss(place: _Place) -> Fault:
    name = place.job.plan.trace_dir.name
    return Fault(
        message=f"{name} was lost {len(place.losses)} times: {_word_losses(place.losses)}",
        code="run-lost",
        hint="does it need more memory than there is? Ask for more of the machine for each run",
    )
