"""The life of an audited process: read the plan, wait for torch, run the subject, say how it ended."""

from __future__ import annotations

import atexit
import itertools
import multiprocessing.spawn
import os
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import reproaudit
from reproaudit.config.plan import RunPlan, SubjectKind, from_json
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.apply import apply_before_torch, apply_to_numpy, apply_to_torch
from reproaudit.record.process.imports import ImportWatch
from reproaudit.record.process.subjects import prepare_path, run_attribute, run_pytest, run_script
from reproaudit.record.repairs import Reach, install_repairs

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder

EXIT_USAGE, EXIT_SOFTWARE = 64, 70  # os.EX_USAGE and os.EX_SOFTWARE, which Windows lacks
_GRACE_S = 5.0  # for the program's own threads and atexit handlers after the audit has seen enough
_os_exit = os._exit
_getpid = os.getpid


class Host:
    """Owns the recorder of this process, from the first import of torch to the last atexit handler."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.recorder: Recorder | None = None
        self.outcome = Outcome(OutcomeKind.COMPLETED, 0)
        self._pid = _getpid()
        self._watch = ImportWatch()
        self._forks = 0
        self._after_fork: list[Callable[[int], None]] = []

    def start(self) -> None:
        self.change()
        # Last, so that the recorder wraps what an intervention has put in place, and records what
        # the program is given.
        self.when_imported("torch", self._torch_imported)
        atexit.register(self.close)
        os._exit = self._exit_now  # type: ignore[assignment]

    def change(self) -> None:
        """Apply the settings and interventions of the plan; they last as long as the process."""
        settings = self.plan.settings
        apply_before_torch(settings)
        self.when_imported("numpy", lambda: apply_to_numpy(settings))
        self.when_imported("torch", lambda: apply_to_torch(settings))
        if settings.interventions:
            os.register_at_fork(before=self._count_fork, after_in_child=self._in_forked_child)
            reach = Reach(
                Patches(), FrameKinds().is_program, self.when_imported, self._after_fork.append
            )
            self._or_end(lambda: install_repairs(settings, reach))

    def when_imported(self, name: str, action: Callable[[], None]) -> None:
        self._watch.when_imported(name, lambda: self._or_end(action))

    def _count_fork(self) -> None:
        self._forks += 1

    def _in_forked_child(self) -> None:
        number, self._forks = self._forks, 0
        for action in self._after_fork:
            action(number)

    def _torch_imported(self) -> None:
        from reproaudit.record.process.install import install

        self.recorder = install(self.plan)
        self.recorder.on_complete = _leave_soon

    def _or_end(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            # A half-installed recorder would audit another program than the one asked for.
            traceback.print_exc()
            print("reproaudit: the recorder could not be installed", file=sys.stderr, flush=True)
            _os_exit(EXIT_SOFTWARE)

    def close(self) -> None:
        """Write how the run ended. The last atexit handler of the audited process; does nothing in
        forked children."""
        if _getpid() != self._pid:
            if self.recorder is not None:
                self.recorder.close_child()
            return
        if self.recorder is None:
            self._close_without_torch()
        elif not self.recorder.is_complete:
            self.recorder.finish(self.outcome)

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
        writer.note(Unchecked.TORCH_NEVER_IMPORTED, "the whole program", "it never imported torch")
        writer.close(self.outcome, 0)

    def _exit_now(self, code: int) -> None:
        """Stand in for os._exit, which skips every handler: save what was recorded, then go."""
        if _getpid() == self._pid:
            kind = OutcomeKind.EXITED if code else OutcomeKind.COMPLETED
            self.outcome = Outcome(kind, code, "the program ended through os._exit")
        self.close()
        _os_exit(code)

    def run(self) -> int:
        """Run the subject; return the exit code the program would have had."""
        from reproaudit.record.session import AuditComplete

        spec, settings = self.plan.subject, self.plan.settings
        try:
            if spec.kind is SubjectKind.SCRIPT:
                run_script(spec)
            elif spec.kind is SubjectKind.PYTEST:
                run_pytest(spec)
            else:
                run_attribute(spec, lambda: self.recorder, settings.device, settings.seed)
        except AuditComplete:
            return 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
            self.outcome = Outcome(
                OutcomeKind.EXITED if code else OutcomeKind.COMPLETED,
                code,
                "sys.exit" if code else "",
            )
            return code
        except UsageError:
            raise
        except BaseException as error:
            self.outcome = Outcome(OutcomeKind.RAISED, 1, _one_line(error))
            error.__traceback__ = _without_ours(error.__traceback__)
            sys.excepthook(type(error), error, error.__traceback__)
            return 1
        return 0


def _leave_soon() -> None:
    """End the process in a few seconds if the program's own threads do not let it end by itself."""

    def leave() -> None:
        threading.Event().wait(_GRACE_S)
        _os_exit(0)

    threading.Thread(target=leave, daemon=True).start()


def _read_plan(path: str) -> RunPlan:
    with open(path, encoding="utf-8") as file:
        return from_json(file.read())


def _one_line(error: BaseException) -> str:
    return " ".join(traceback.format_exception_only(type(error), error)[-1].split())[:500]


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Drop the leading frames that are the recorder's, so that the program's traceback reads as
    without it."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    return trace


def _watch_spawned_children(plan_path: str, above: str = "") -> None:
    """Let multiprocessing's spawned children pass through `enter_child` before they run what they
    were started for.

    Children are named by the order in which their parent starts them, below their parent's own
    name.
    """
    count = itertools.count(1)
    original: Callable[..., list[str]] = multiprocessing.spawn.get_command_line

    def get_command_line(**kwargs: Any) -> list[str]:
        command = original(**kwargs)
        label = f"{above}{next(count)}"
        for position, argument in enumerate(command):
            # The interpreter itself stands in the list as bytes.
            if isinstance(argument, str) and argument.startswith(
                "from multiprocessing.spawn import spawn_main"
            ):
                enter = f"from reproaudit.record.process.bootstrap import enter_child; enter_child({plan_path!r}, {label!r}); "
                command[position] = enter + argument
        return command

    multiprocessing.spawn.get_command_line = get_command_line


def enter_child(plan_path: str, label: str) -> None:
    """Record in a spawned child as in a forked one: silently until it trains, in a folder of its
    own."""
    plan = _read_plan(plan_path)
    host = Host(plan)

    def imported() -> None:
        from reproaudit.record.process.install import install_in_child

        host.recorder = install_in_child(plan, label)

    host.change()
    host.when_imported("torch", imported)
    atexit.register(host.close)
    os._exit = host._exit_now  # type: ignore[assignment]
    _watch_spawned_children(plan_path, f"{label}-")


def main(plan_path: str) -> None:
    """Run the plan and exit with the program's own code; 64 and 70: the recorder's failures, told
    on stderr."""
    try:
        plan = _read_plan(plan_path)
        host = Host(plan)
        prepare_path(plan.subject)
        _watch_spawned_children(plan_path)
        host.start()
        code = host.run()
    except ReproauditError as error:
        print(f"reproaudit: {error}", file=sys.stderr, flush=True)
        _os_exit(EXIT_USAGE)
    sys.exit(code)
