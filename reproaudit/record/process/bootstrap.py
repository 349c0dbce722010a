"""The life of an audited process: read the plan, run the subject, exit as it would have."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from types import TracebackType

from reproaudit.config.plan import find_trace_dir
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.record.process.children import ChildStarts, read_plan
from reproaudit.record.process.host import Host
from reproaudit.record.process.notebook import run_notebook
from reproaudit.record.process.outcomes import describe_end
from reproaudit.record.process.shadows import hide_shadows, places_before_library
from reproaudit.record.process.subjects import (
    prepare_path,
    run_attribute,
    run_module,
    run_pytest,
    run_script,
)
from reproaudit.record.process.successor import find_script
from reproaudit.record.process.turn import Turn
from reproaudit.startup import is_installed, name_recorder
from reproaudit.trace.failure import write_failure
from reproaudit.trace.words import EXIT_USAGE

_RECORD = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_os_exit = os._exit


def main(plan_path: str, loaded_at_start: Collection[str] = (), turn: Turn | None = None) -> None:
    """Run the plan, once its turn has come, and exit with the program's own code.

    `loaded_at_start` are the modules that were there before the recorder's; none: nobody knows.

    64 and 70 are failures of the recorder, told in a file beside the plan.
    """
    try:
        plan = read_plan(plan_path)
        is_script = plan.subject.kind is SubjectKind.SCRIPT
        if turn is not None and not (is_script and turn.may_begin):
            turn.wait()
            turn.hide()
            turn = None
        host = Host(plan)
        prepare_path(plan.subject)
        if loaded_at_start:
            hide_shadows(places_before_library(), loaded_at_start)
        # For what the program starts.
        variables = name_recorder(os.environ, plan_path, is_site=not is_installed())
        os.environ.update(variables)
        ChildStarts(host, plan_path).watch()
        host.start()
        if turn is not None:
            turn.hide()
        _name_command_line(plan.subject)
        code = run_subject(host, turn)
    except ReproauditError as error:
        if not write_failure(find_trace_dir(plan_path), error):
            print(f"reproaudit: {error}", file=sys.stderr, flush=True)
        _os_exit(EXIT_USAGE)
    sys.exit(code)


def _name_command_line(spec: SubjectSpec) -> None:
    """Make `sys.orig_argv` that of the script: with ours, a program that begins itself anew from it
    would run the recorder as its program.

    Not before the repairs: one of them begins the recorder anew.
    """
    position = find_script(sys.orig_argv)
    if spec.kind in (SubjectKind.SCRIPT, SubjectKind.MODULE) and position is not None:
        sys.orig_argv[position:] = [*spec.words, *spec.argv]


def run_subject(host: Host, turn: Turn | None = None) -> int:
    """Run the subject; return the exit code the program would have had."""
    # Not before: the session's module need not be loaded where the plan cannot be read.
    from reproaudit.record.session import AuditComplete

    try:
        _run(host, turn)
    except AuditComplete:
        return 0
    except SystemExit as stop:
        host.outcome = describe_end(stop)
        return host.outcome.code or 0
    except UsageError:
        raise
    except BaseException as error:
        host.outcome = describe_end(error)
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _run(host: Host, turn: Turn | None) -> None:
    spec, settings = host.plan.subject, host.plan.settings
    if spec.kind is SubjectKind.SCRIPT:
        run_script(spec, turn)
    elif spec.kind is SubjectKind.MODULE:
        run_module(spec)
    elif spec.kind is SubjectKind.PYTEST:
        run_pytest(spec)
    elif spec.kind is SubjectKind.NOTEBOOK:
        run_notebook(host)
    else:
        run_attribute(
            spec,
            lambda: host.recorder,
            device=settings.device,
            seed=settings.seed,
            portions=host.plan.portions,
        )


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Drop the leading frames that are the recorder's, so that the program's traceback reads as
    without it."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_RECORD):
        trace = trace.tb_next
    return trace
