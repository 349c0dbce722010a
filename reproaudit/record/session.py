"""The live recorder of one process: its writer, threads, steps and limits.

What leaves it is files.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from reproaudit.config.plan import StopWay
from reproaudit.model.events import LibraryCall, Outcome, OutcomeKind, Phase, Unchecked
from reproaudit.record.hooks.callsite import CallSites
from reproaudit.record.process.errors import describe_error
from reproaudit.record.process.ranks import RankWatch, is_one_of_several
from reproaudit.record.thread_state import StateOfThread, ThreadState
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.schema import NO_LOCATION
from reproaudit.trace.words import CHILD_PREFIX, MAY_BE_STOPPED, STOP_FILE
from reproaudit.trace.writer import TraceWriter

if TYPE_CHECKING:
    from reproaudit.config.plan import RunPlan
    from reproaudit.config.portions import Kept

_raise_signal = signal.raise_signal
_times = os.times  # a clock that no intervention fixes
_get_ident = threading.get_ident
_exists = os.path.exists
_getpid = os.getpid
_threads_by_ident = threading._active  # type: ignore[attr-defined]
_ORIGINS_KEPT = 20_000  # forward ops of steps gone by, for graphs that outlive their step
# Steps without an optimizer step after which a program that owns an optimizer counts backward
# passes after all.
_BACKWARDS_BEFORE_GIVING_UP = 64


class AuditComplete(SystemExit):
    """Ends the audited program after the requested number of steps.

    `except Exception` does not catch it. As a SystemExit it ends a thread without a traceback and a
    worker process with code 0.
    """


class Interrupted(AuditComplete):
    """Interrupts the audited program where it is to be stopped; recording goes on to its end."""


class Recorder:
    """Everything the hooks share.

    `active` turns False when the audit of this process is complete.
    """

    def __init__(self, plan: RunPlan, writer: TraceWriter, sites: CallSites) -> None:
        self.plan = plan
        self.writer = writer
        self.sites = sites
        self.active = True
        self.pid = _getpid()
        self.of_thread = StateOfThread()
        self.most_steps = plan.steps
        # False while a file is imported for one thing in it: it may train as well, and that is not
        # what was asked for.
        self.counts_steps = True
        # Only while the program goes on past its steps: when that ends, and where its last step
        # ended in the trace.
        self.overtime: tuple[float, int] | None = None
        self._goes_on_until = _times().elapsed + plan.goes_on_s if plan.goes_on_s else 0.0
        self.kept: Kept | None = None  # of every tensor, the part whose slices are digested
        # Asked when a step ends: True ends this process's part of the audit.
        self.has_seen_enough: Callable[[], bool] | None = None
        self._stop_file = ""  # it is there once the program is to be stopped
        if MAY_BE_STOPPED in plan.extra:
            self._stop_file = f"{plan.trace_dir}/{STOP_FILE}"
        # Whether the program was told to stop: how it ended is then known by this, too.
        self._is_interrupted = False
        self.step = 0
        self.backwards = 0
        self.optimizer_steps = 0
        self.has_optimizer = False
        self.is_child = False
        self.is_spawned = False  # a child that is a new interpreter, and no fork
        self.on_call: Callable[[object], None] | None = None  # is given what a call returned
        self.on_complete: Callable[[], None] | None = None
        self.ranks = RankWatch(writer.identify)
        self.on_flush: list[Callable[[], None]] = [self.ranks.look]
        self.on_end: list[Callable[[], None]] = []  # when the program ends by itself
        self.child_number = 0
        self._forks = 0
        self._child_open = False
        self._complete = False
        # The ordinal of each Thread by its id, given when the thread is started.
        self._threads: dict[int, int] = {}
        self._thread_lock = threading.Lock()
        self._main_ident = threading.main_thread().ident

    @property
    def state(self) -> ThreadState:
        """The state of the running thread."""
        return self.of_thread.state

    # -- processes

    @property
    def is_complete(self) -> bool:
        return self._complete

    def close_child(self, outcome: Outcome) -> None:
        """Close a forked child's own trace, if it has one."""
        if self._child_open and not self._complete:
            self.finish(outcome)

    def before_fork(self) -> None:
        self._forks += 1

    def after_fork_in_child(self) -> None:
        """Fall silent in a forked child until it trains or draws from the outside world.

        Most children only load data.
        """
        self.is_child = True
        self.limit_as_child()
        self._child_open = False
        self.active = False
        self.ranks.after_fork()
        self.on_flush = [self.ranks.look]
        self.of_thread = StateOfThread()
        self.step = self.backwards = self.optimizer_steps = 0
        self._main_ident = _get_ident()
        self._threads = {}
        self.child_number = self._forks
        self._forks = 0

    def limit_as_child(self) -> None:
        """Stop where the plan says so for the processes that the program starts."""
        self.counts_steps = True
        self.overtime = None
        self._goes_on_until = 0.0
        self.most_steps = self.plan.steps_of_children or self.plan.steps

    def open_child(self) -> None:
        """Give a forked child a trace of its own, in a folder inside its parent's."""
        if self.is_child and not self._child_open:
            self._child_open = True
            self.writer = self.writer.rehome(f"{CHILD_PREFIX}{self.child_number}")

    def awake(self) -> bool:
        """Return True if training hooks should record here.

        Opens the trace of a forked child that starts to train.
        """
        if self.state.inside:
            return False
        if self.is_child and not self.active and not self._complete:
            self.open_child()
            self.active = True
        return self.active

    def listens(self) -> bool:
        """Return True if calls that bring in the outside world should be recorded here.

        A forked child that does not train is silent, and still listens.
        """
        is_watched = self.active or (self.is_child and not self._complete)
        return is_watched and not self.state.inside

    # -- threads

    def expect_thread(self, thread: threading.Thread) -> None:
        """Number `thread` when it is started.

        The order of starts is the program's, the order of events is not.
        """
        with self._thread_lock:
            self._threads[id(thread)] = self.writer.thread(f"thread-{len(self._threads) + 1}")

    @property
    def has_threads(self) -> bool:
        """True once the program has started threads."""
        return bool(self._threads)

    def thread(self) -> int:
        """Return the ordinal of the running thread: 0 for the main thread."""
        state = self.state
        if state.ordinal < 0:
            state.ordinal = self._find_ordinal()
        return state.ordinal

    def _find_ordinal(self) -> int:
        ident = _get_ident()
        if ident == self._main_ident:
            return 0
        # Not by current_thread, which asks `threading.get_ident`: the program may replace it.
        known = self._threads.get(id(_threads_by_ident.get(ident)))
        # Without a number it was not started by Thread.start: a thread of autograd for a device,
        # or one of _thread.start_new_thread.
        return self.writer.thread("unmanaged") if known is None else known

    # -- steps

    def begin_calls(self) -> None:
        """Count steps from here on: the file of what is called has been imported."""
        self.counts_steps = True
        self.backwards = self.optimizer_steps = 0

    def begin_optimizer_step(self) -> None:
        """Interrupt the program if it is to be stopped before this step."""
        stop = self.plan.stop
        if stop is not None and stop.way is StopWay.CHECKPOINT and self.step >= stop.step:
            self._interrupt(stop.way)

    def end_optimizer_step(self) -> None:
        self.optimizer_steps += 1
        self._end_step()

    def end_backward(self) -> None:
        """Count a backward pass: a step of its own in programs that never step an optimizer."""
        self.backwards += 1
        if self.optimizer_steps:
            return
        most_waited_for = _BACKWARDS_BEFORE_GIVING_UP * max(1, self.plan.steps or 1)
        if not self.has_optimizer or self.backwards > most_waited_for:
            self._end_step()

    def _end_step(self) -> None:
        if not self.counts_steps:
            self.flush()
            return
        stop = self.plan.stop
        if stop is not None and not self.has_optimizer:
            self.begin_optimizer_step()  # of a program that has none, and does not announce a step
        self.step += 1
        self.state.turn(_ORIGINS_KEPT)
        end_of_step = self.flush()
        if stop is not None and stop.way is not StopWay.CHECKPOINT and self.step >= stop.step:
            self._interrupt(stop.way)
        if self._is_to_end() and not is_one_of_several():
            self.complete()
            raise AuditComplete(0)
        if self.most_steps is None or self.step < self.most_steps:
            return
        if self._goes_on_until and not is_one_of_several():
            self.overtime = (self._goes_on_until, end_of_step)
            self.end_overtime()
            return
        self.complete()
        raise AuditComplete(0)

    def _interrupt(self, way: StopWay) -> None:
        if way is not StopWay.SIGTERM:
            self._is_interrupted = True
            raise Interrupted(0)
        # Once: whoever sends it waits for the program to answer.
        if not self._is_interrupted:
            self._is_interrupted = True
            _raise_signal(signal.SIGTERM)

    def _is_to_end(self) -> bool:
        if self._stop_file and _exists(self._stop_file):
            return True
        return self.has_seen_enough is not None and self.has_seen_enough()

    def end_overtime(self) -> None:
        """Stop the program if the time is over for which it goes on past its steps.

        What it did since its last step is dropped: other runs stop when that step has ended.
        """
        if self.overtime is None or not self.active or _getpid() != self.pid:
            return
        until, end_of_step = self.overtime
        if _times().elapsed < until:
            return
        self.overtime = None
        self._call(self.on_flush)
        self.writer.cut(end_of_step)
        self.complete()
        raise AuditComplete(0)

    def end_call(self, result: object, *, stepped: bool) -> None:
        """End one call of a training step, whose `result` is an output.

        A call that made no step, without a backward pass, is a step of its own.
        """
        if not self.active:
            return
        if self.on_call is not None:
            self.on_call(result)
        if not stepped:
            self._end_step()

    def flush(self) -> int:
        """Write what was recorded; return the number of events."""
        self._call(self.on_flush)
        return self.writer.flush(self.step)

    def complete(self) -> None:
        """Close the trace: the requested steps are done."""
        if not self.active:
            return
        self.active = False
        self._complete = True
        detail = f"stopped after {self.step} steps"
        self.finish(Outcome(OutcomeKind.STOPPED, 0, detail))
        if self.on_complete is not None and not self.is_child:
            self.on_complete()

    def finish(self, outcome: Outcome) -> None:
        if self._is_interrupted and outcome.is_success:
            detail = f"interrupted after {self.step} steps as requested"
            outcome = Outcome(OutcomeKind.STOPPED, outcome.code, detail)
        if outcome.kind is not OutcomeKind.STOPPED:
            self._call(self.on_end)
        self._call(self.on_flush)
        self.writer.close(outcome, self.step)

    def _call(self, hooks: list[Callable[[], None]]) -> None:
        """Call each of the hooks, whatever the program's objects answer to the others."""
        for hook in hooks:
            try:
                hook()
            except Exception as error:
                self.note_failure(
                    "part of what is looked at when a step or the program ends", error
                )

    # -- events

    def note_failure(self, what: str, error: Exception) -> None:
        """Say that `what` is not compared, because asking the program's objects for it failed."""
        self.writer.note(
            Unchecked.RECORDING_FAILED, what, f"recording it failed: {describe_error(error)}"
        )

    def moment(self, phase: int, site: int = NO_LOCATION) -> Moment:
        """Return when and where an event of now happens; `site` is the id of the user's line."""
        return Moment(phase, self.step, site, self.thread())

    def emit_entropy(
        self,
        name: str,
        *,
        digest: tuple[int, int],
        before: tuple[int, int],
        shown: str,
        site: int,
        below: LibraryCall | None = None,
    ) -> None:
        """Record a call that brought the outside world in.

        `digest` is that of what it returned, `before` that of the state it drew from, `below` what
        the program called of a library that made the call.
        """
        self.open_child()
        writer = self.writer
        writer.add_entropy(
            at=self.moment(self.state.phase or Phase.DATA, site),
            call=name,
            state=before,
            value=digest,
            shown=shown,
            below=below,
        )
        if self.is_child or self.is_spawned:  # a worker may be killed without warning
            writer.flush(self.step)
