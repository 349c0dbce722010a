"""Owns the recorder of a process: when it comes in, what is changed before, how it ends."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import reproaudit
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind
from reproaudit.errors import SubjectError
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process import settings_watch
from reproaudit.record.process.apply import apply_before_torch, apply_to_numpy, apply_to_torch
from reproaudit.record.process.copied_code import lead_to_copies
from reproaudit.record.process.errors import describe_error
from reproaudit.record.process.exits import tell_exits
from reproaudit.record.process.held_seeds import HeldSeeds
from reproaudit.record.process.imports import ImportWatch
from reproaudit.record.process.other_kernels import number_cells
from reproaudit.record.process.outcomes import make_number
from reproaudit.record.process.places import Place
from reproaudit.record.process.shadows import is_of_program, own_modules
from reproaudit.record.process.successor import REPLACED, Successor
from reproaudit.record.repairs import Reach, install_repairs
from reproaudit.record.variations import install_variations
from reproaudit.trace.failure import write_failure
from reproaudit.trace.words import EXIT_SOFTWARE

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder

_GRACE_S = 5.0  # for the program's own threads and atexit handlers after the audit has seen enough
end_process = os._exit
_getpid = os.getpid
SAVING_MODULES = ("safetensors.torch", "safetensors.numpy")


class Host:
    """Lives from before the program's first line to its last atexit handler.

    The recorder itself comes in when the program imports torch, never before.
    """

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.recorder: Recorder | None = None
        self.outcome = Outcome(OutcomeKind.COMPLETED, 0)
        self._pid = _getpid()
        self._is_child = False
        self._notes: list[tuple[Unchecked, str, str]] = []
        self._facts: dict[str, str] = {}
        self._why_no_torch = "it never imported torch"
        self._watch = ImportWatch()
        self._patches = Patches()
        self._successor = Patches()  # never undone
        self._forks = 0
        self._after_fork: list[Callable[[int], None]] = []
        lead_to_copies(plan.copies)

    def start(self) -> None:
        """Change what the plan asks for, and record once torch is there."""
        self._start(self._install_recorder)

    def start_in_child(self, place: Place) -> None:
        """Do the same in a process that the program started; `place` is its place among them."""

        def install() -> None:
            from reproaudit.record.process.install import install_in_child

            self._tell_recorder(install_in_child(self.plan, place, self.when_imported))

        self._is_child = True
        tell_exits(self._patches, self._note_exit)
        self.when_imported("ipykernel.compiler", number_cells)
        self._start(install)

    def _start(self, install: Callable[[], None]) -> None:
        self.change()
        if self.plan.held_seeds:
            HeldSeeds(self._patches, self.plan.held_seeds).install(self.when_imported)
        if self.plan.streams:
            settings_watch.start(self._patches, self.when_imported)
        # They may be what imports torch: known before, they are waited for to their end.
        for name in SAVING_MODULES:
            self.when_imported(name, _do_nothing)
        # Last, so that the recorder wraps what an intervention has put in place, and records what
        # the program is given.
        self.when_imported("torch", install)
        atexit.register(self.close)
        if not self._is_child:
            Successor(self.plan, self._save).watch(self._successor)
            if REPLACED in self.plan.extra:
                self.note(
                    Unchecked.TRACE_NOT_WRITTEN,
                    "what the program did before it replaced itself",
                    "the record begins anew with the program that it became",
                )
        os._exit = self._exit_now  # type: ignore[assignment]

    def _save(self) -> bool:
        """Write what was recorded so far; return False if nothing is recorded yet."""
        if self.recorder is None or not self.recorder.active:
            return False
        return bool(self.recorder.flush())

    def change(self) -> None:
        """Apply the settings and interventions of the plan; they last as long as the process."""
        settings = self.plan.settings
        apply_before_torch(settings)
        self.when_imported("numpy", lambda: apply_to_numpy(settings))
        self.when_imported("torch", lambda: apply_to_torch(settings))
        if settings.interventions or settings.variations:
            os.register_at_fork(before=self._count_fork, after_in_child=self._run_after_fork)
            reach = Reach(
                patches=self._patches,
                is_program=FrameKinds().is_program,
                when_imported=self.when_imported,
                after_fork=self._after_fork.append,
                learn=self._learn,
                folder=str(self.plan.trace_dir),
                settings=settings,
            )
            self._or_end(lambda: install_repairs(settings, reach))
            self._or_end(lambda: install_variations(settings, reach))

    def note(self, code: Unchecked, what: str, why: str) -> None:
        """Say what is not checked, in the trace or once there is one."""
        if self.recorder is None:
            self._notes.append((code, what, why))
        else:
            self.recorder.writer.note(code, what, why)

    def _learn(self, name: str, value: str) -> None:
        """Add a fact to the environment, in the trace or once there is one."""
        if self.recorder is None:
            self._facts[name] = value
        else:
            self.recorder.writer.learn(name, value)

    def _tell_recorder(self, recorder: Recorder) -> None:
        """Have the recorder say what happened before it came in."""
        self.recorder = recorder
        recorder.on_complete = _leave_soon
        for code, what, why in self._notes:
            recorder.writer.note(code, what, why)
        for name, value in self._facts.items():
            recorder.writer.learn(name, value)

    def withdraw(self) -> None:
        """Take back what `change` has put in place, for another host to do it in this process."""
        self._patches.undo()
        self._watch.remove()
        self._after_fork.clear()  # a hook on forks itself cannot be taken back

    def when_imported(self, name: str, action: Callable[[], None]) -> None:
        """Run `action` once the module is imported; a failure ends the process.

        A module of the program's own that has the name of a library is none.
        """

        def act() -> None:
            if not is_of_program(name):
                self._or_end(action)
            elif name == "torch":
                place = getattr(sys.modules[name], "__file__", None)
                self._why_no_torch = f"the torch that it imported is not PyTorch: {place}"

        self._watch.when_imported(name, act)

    def _count_fork(self) -> None:
        self._forks += 1

    def _run_after_fork(self) -> None:
        number, self._forks = self._forks, 0
        for action in self._after_fork:
            action(number)

    def _install_recorder(self) -> None:
        from reproaudit.record.process.install import install

        recorder = install(self.plan, self.when_imported)
        recorder.counts_steps = self.plan.subject.kind is not SubjectKind.ATTRIBUTE
        self._tell_recorder(recorder)

    def _or_end(self, action: Callable[[], None]) -> None:
        try:
            with own_modules():
                action()
        except Exception as error:
            # A half-installed recorder would audit another program than the one asked for.
            traceback.print_exc()
            failure = _describe_failure(error)
            if not write_failure(self.plan.trace_dir, failure):
                print(f"reproaudit: {failure}", file=sys.stderr, flush=True)
            end_process(EXIT_SOFTWARE)

    def close(self) -> None:
        """Write how the run ended.

        The last atexit handler of the audited process. In forked children it closes their own
        traces.
        """
        self._close(self._find_outcome())

    def _close(self, outcome: Outcome) -> None:
        recorder = self.recorder
        if _getpid() != self._pid:
            if recorder is not None:
                recorder.close_child(outcome)
        elif recorder is None:
            # A child without torch computed nothing, and its parent's trace is not its own.
            if not self._is_child:
                self._close_without_torch()
        elif not recorder.is_complete:
            recorder.finish(outcome)

    def _find_outcome(self) -> Outcome:
        """Return how the process ends. Of a child an error that nobody caught is known, and what
        `sys.exit` or `os._exit` was given."""
        # Python sets it before it prints the traceback, also where it ends what `-c` was given.
        error = getattr(sys, "last_value", None)
        if self._is_child and self.outcome.kind is OutcomeKind.COMPLETED and error is not None:
            return Outcome(OutcomeKind.RAISED, 1, describe_error(error))
        return self.outcome

    def _close_without_torch(self) -> None:
        from reproaudit.trace.writer import TraceWriter

        writer = TraceWriter(
            self.plan.trace_dir,
            level=self.plan.level.value,
            subject=str(self.plan.subject),
            command=[],
            settings={},
            environment={},
            version=reproaudit.__version__,
            values_budget=0,
        )
        writer.note(Unchecked.TORCH_NEVER_IMPORTED, "the whole program", self._why_no_torch)
        writer.close(self.outcome, 0)

    def _exit_now(self, status: int) -> None:
        """Stand in for os._exit, which skips every handler: save what was recorded, then go."""
        kind = OutcomeKind.EXITED if status else OutcomeKind.COMPLETED
        self.outcome = Outcome(kind, status, "the program ended through os._exit")
        # An error that was printed before, maybe by whom this process was forked from, is no end.
        self._close(self.outcome)
        end_process(status)

    def _note_exit(self, status: object) -> None:
        """Note that the interpreter ends by `sys.exit`, before it prints what it was given."""
        code = make_number(status)
        if code:
            self.outcome = Outcome(OutcomeKind.EXITED, code, f"sys.exit({code})")


def _describe_failure(error: Exception) -> SubjectError:
    """Say that the recorder cannot be installed, and what a person can do if it lacks a package."""
    message = "the recorder could not be installed"
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        message += f": it needs {error.name}, which is not there for {sys.executable}"
        hint = f"install reproaudit there: {sys.executable} -m pip install reproaudit"
    return SubjectError(message, code="recorder-failed", hint=hint)


def _do_nothing() -> None:
    return


def _leave_soon() -> None:
    """End the process in a few seconds if the program's own threads do not let it end by itself."""

    def leave() -> None:
        threading.Event().wait(_GRACE_S)
        end_process(0)

    threading.Thread(target=leave, daemon=True).start()
