"""Threads, processes and tasks of thread pools that the program starts run one after another.

Whoever starts one or submits a task waits until it has ended, so that no two of them, nor one of
them and its starter, run at the same time. They keep their own threads: what is local to a thread
stays so. One that does not end by itself (it serves a queue, or waits for its starter or for
another task) is waited for in vain, once per line of the program. What that line starts later runs
side by side, as it does without the repair.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from multiprocessing.pool import ThreadPool
from multiprocessing.process import BaseProcess
from types import CodeType, FrameType
from typing import Any

from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import is_for_program

PATIENCE_S = 15.0  # a busy machine is slow; a thread that never ends costs this once per line
_Line = tuple[CodeType, int | None]
_getframe = sys._getframe
_Event = threading.Event


class Turns:
    """Waits for what a line of the program has started, unless that was in vain before."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        # The lines at which waiting was in vain, and is not tried again.
        self.in_vain: set[_Line] = set()

    def wait(self, line: _Line | None, has_ended: Callable[[float], bool]) -> None:
        """Wait by `has_ended(seconds)`, which says whether it was long enough.

        Without a line nothing is done.
        """
        if line is None or line in self.in_vain:
            return
        if not has_ended(PATIENCE_S):
            self.in_vain.add(line)

    def line(self) -> _Line | None:
        """Return the innermost line of the program that runs in this thread, if there is one."""
        depth = 0
        frame = _getframe()
        while not self._reach.is_program(depth):
            if frame.f_back is None:
                return None
            depth += 1
            frame = frame.f_back
        return _line_of(frame)


def _line_of(frame: FrameType | None) -> _Line | None:
    if frame is None:
        return None
    return frame.f_code, frame.f_lineno


def install(reach: Reach) -> None:
    """Change Thread.start and Process.start of the program, and both kinds of thread pools."""
    turns = Turns(reach)
    for kind in (threading.Thread, BaseProcess):
        reach.patches.replace(kind, "start", _make_start(reach, turns, kind))
    reach.patches.replace(ThreadPoolExecutor, "submit", _make_submit(turns))
    reach.patches.replace(ThreadPool, "__init__", _make_init(turns))


def _make_start(reach: Reach, turns: Turns, kind: Any) -> Callable[[Any], None]:
    original = kind.start
    join = kind.join
    is_alive = kind.is_alive

    @functools.wraps(original)
    def start(self: Any) -> None:
        # Those of libraries serve the program until it ends: progress bars, feeders of queues,
        # pinned memory, workers.
        line = None
        if is_for_program(reach):
            line = _line_of(outer_frame(0))
        original(self)

        def has_ended(seconds: float) -> bool:
            join(self, seconds)
            return not is_alive(self)

        turns.wait(line, has_ended)

    return start


def _make_submit(turns: Turns) -> Callable[..., Future[Any]]:
    original: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    @functools.wraps(original)
    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = original(self, fn, *args, **kwargs)

        def has_ended(seconds: float) -> bool:
            if wait([future], seconds).not_done:
                return False
            # The worker is idle a moment after its task: until then, the next one would get another
            # thread.
            idle = self._idle_semaphore
            if not self._broken and idle.acquire(timeout=seconds):
                idle.release()
            return True

        turns.wait(turns.line(), has_ended)
        return future

    return submit


def _make_init(turns: Turns) -> Callable[..., None]:
    original = ThreadPool.__init__

    @functools.wraps(original)
    def init(
        self: Any, processes: int | None = None, initializer: Any = None, initargs: Any = ()
    ) -> None:
        # A number that the pool refuses, such as 0, is left to be refused.
        count = 1 if processes is None else min(processes, 1)
        original(self, count, initializer, initargs)
        self._taskqueue = _TaskQueue(self._taskqueue, turns)

    return init


class _TaskQueue:
    """What a pool puts its tasks into; hands them on one at a time."""

    def __init__(self, queue: Any, turns: Turns) -> None:
        self._queue = queue
        self._turns = turns

    def put(self, work: tuple[Any, Callable[[int], None] | None]) -> None:
        tasks, set_length = work
        line = self._turns.line()
        count = 0
        for job, index, func, args, kwds in tasks:
            ended = _Event()
            call = _set_when_over(func, ended)
            task = (job, index, call, args, kwds)
            self._queue.put(([task], None))
            self._turns.wait(line, ended.wait)
            count = index + 1
        if set_length is not None:
            set_length(count)


def _set_when_over(func: Callable[..., Any], ended: threading.Event) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        finally:
            ended.set()

    return call
