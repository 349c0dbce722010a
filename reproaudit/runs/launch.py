"""What is started for a run, and how the processes below it find the recorder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import reproaudit
from reproaudit.config.plan import RunPlan, name_plan_file
from reproaudit.config.settings import make_environment, to_dict
from reproaudit.config.subject import SubjectKind
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.runs.interpreter import interpreter_flags
from reproaudit.startup import PLAN_VARIABLE, name_recorder
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.failure import take_back_failure
from reproaudit.trace.words import (
    CHILD_PREFIX,
    PROCESSES_FOLDER,
    PROGRESS_FILE,
)
from reproaudit.trace.writer import TraceWriter

# By its path, as the recorder is.
_NOTEBOOK_ENTRY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "notebook_entry.py")
_MOST_CHARACTERS = 100  # of a command line that is told
THROUGH_PATH = NotChecked(
    Unchecked.ENTERED_THROUGH_PATH,
    "a program that looks at PYTHONPATH",
    "reproaudit is not installed for the Python that it runs under, and was put there to be found",
)


def mark_children(plan: RunPlan) -> str:
    """Return what stands in the environment of whatever the run starts, as NAME=VALUE."""
    return f"{PLAN_VARIABLE}={name_plan_file(plan.trace_dir)}"


def write_command(
    plan: RunPlan, python: str, entry: Sequence[str], *, is_watched: bool
) -> list[str]:
    """Return the command that starts the run, for a program of ours up to its plan."""
    if plan.subject.is_command:
        return [*plan.subject.words, *plan.subject.argv]
    if plan.subject.kind is SubjectKind.NOTEBOOK:
        entry = (_NOTEBOOK_ENTRY,)
    command = [python, *interpreter_flags()]
    if is_watched:
        # Unbuffered only where somebody watches: it costs a write per line.
        command.append("-u")
    return [*command, *entry]


def make_variables(plan: RunPlan, *, is_site: bool) -> dict[str, str]:
    """Return the environment of a run: ours, and what the settings say.

    What a command starts has to find the recorder; a program of ours is started by it, and sees to
    what it starts itself.
    """
    variables = {**os.environ, **make_environment(plan.settings)}
    if plan.subject.is_command:
        return name_recorder(variables, name_plan_file(plan.trace_dir), is_site=is_site)
    return variables


def write_launcher(plan: RunPlan) -> None:
    """Write the record of a command, which is no process of the program."""
    writer = TraceWriter(
        plan.trace_dir,
        level=plan.level.value,
        subject=str(plan.subject),
        command=list(plan.subject.argv),
        settings=to_dict(plan.settings),
        environment={},
        version=reproaudit.__version__,
        values_budget=0,
        process=ProcessFacts(is_launcher=True),
    )
    writer.flush(0)


def misses_interpreters(plan: RunPlan) -> bool:
    """Return True if no interpreter that a command started was entered."""
    return plan.subject.is_command and not list_entered(plan.trace_dir)


def take_back_missed(plan: RunPlan) -> bool:
    """Return True if a command's run has entered no interpreter; what it left is removed, so that
    another can be made there."""
    if not misses_interpreters(plan):
        return False
    shutil.rmtree(plan.trace_dir, ignore_errors=True)
    take_back_failure(plan.trace_dir)
    return True


def list_entered(trace_dir: Path) -> list[str]:
    """Return the labels of the interpreters that were entered below a run."""
    folder = trace_dir / PROCESSES_FOLDER
    return sorted(file.stem for file in folder.glob("*.json")) if folder.is_dir() else []


def describe_entered(trace_dir: Path) -> list[str]:
    """Return the command lines of the interpreters that were entered below a run."""
    found = []
    for label in list_entered(trace_dir):
        try:
            said = _read_place(trace_dir, label)
            words = [os.path.basename(said["python"]), *said["command"][1:]]
            found.append(shlex.join(words)[:_MOST_CHARACTERS])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # It was killed just then, or the program has written there.
            found.append(label)
    return found


def list_ranks(trace_dir: Path) -> list[int]:
    """Return the ranks that a launcher has started below a run, in order."""
    found = set()
    for label in list_entered(trace_dir):
        try:
            found.add(int(_read_place(trace_dir, label)["rank"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no rank, or as above
    return sorted(found)


def _read_place(trace_dir: Path, label: str) -> dict[str, Any]:
    """Return what an interpreter said of itself when it was entered."""
    found: dict[str, Any] = json.loads(
        (trace_dir / PROCESSES_FOLDER / f"{label}.json").read_bytes()
    )
    return found


def read_progress(trace_dir: Path) -> bytes:
    """Return the steps that a run has made, as its recorder writes them; of several processes the
    most."""
    found = b""
    for file in (trace_dir / PROGRESS_FILE, *trace_dir.glob(f"{CHILD_PREFIX}*/{PROGRESS_FILE}")):
        try:
            progress = file.read_bytes()[:20].strip()
        except OSError:
            # No step is done yet.
            continue
        # The file may be read while it is written: what is no number is looked at again.
        if progress.isdigit():
            found = max(found, progress, key=lambda text: int(text or b"0"))
    return found


def name_signal(number: int) -> str:
    # Real-time signals have numbers and no names.
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
