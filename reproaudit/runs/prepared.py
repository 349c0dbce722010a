"""Processes of runs that are expected: started while another run goes on, each waits for its turn.

The recorder is loaded in it by then, and of a script also the libraries that it imports first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.config.plan import RunPlan, name_plan_file
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.runs.process import RunningProcess
from reproaudit.startup import PATH_VARIABLE
from reproaudit.trace.failure import take_back_failure

_IMPORTED = (".py", ".so", ".pyd")
_Seen = tuple[tuple[int, ...], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    process: RunningProcess
    seen: _Seen


class PreparedRuns:
    """Those of one subject, by the name of the run; traces and logs lie in `folder`."""

    def __init__(self, subject: SubjectSpec, folder: Path) -> None:
        self._subject = subject
        self._folder = folder
        self._prepared: dict[str, _Prepared] = {}

    def add(self, name: str, start: Callable[[], RunningProcess]) -> None:
        """Start the process of a run, unless one waits. It is no fault if that cannot be done."""
        if name in self._prepared or (self._folder / name).exists():
            return
        # What the program finds must not have changed since it was read.
        seen = look_at_program(self._subject)
        with suppress(OSError, UsageError):
            self._prepared[name] = _Prepared(start(), seen)

    def take(self, name: str, plan: RunPlan) -> RunningProcess | None:
        """Let the process that was prepared for a run go on and return it.

        None if there is none, or none of use: it would not be the run that `plan` describes.
        """
        prepared = self._prepared.pop(name, None)
        if prepared is None:
            return None
        # A process that was started has made the folder of its trace absolute.
        wanted = replace(plan, trace_dir=plan.trace_dir.absolute())
        is_same = prepared.process.plan == wanted
        is_same = is_same and prepared.seen == look_at_program(self._subject)
        if is_same and prepared.process.release():
            return prepared.process
        self._end(name, prepared)
        return None

    def end_all_but(self, names: Collection[str]) -> None:
        """End the processes of other runs, and remove what they left."""
        for name in self._prepared.keys() - names:
            self._end(name, self._prepared.pop(name))

    def _end(self, name: str, prepared: _Prepared) -> None:
        prepared.process.stop()
        trace_dir = self._folder / name
        shutil.rmtree(trace_dir, ignore_errors=True)
        take_back_failure(trace_dir)
        for left in (f"{name}.log", name_plan_file(name)):
            (self._folder / left).unlink(missing_ok=True)


def look_at_program(subject: SubjectSpec) -> _Seen:
    """Return what tells whether the script, and the modules that lie where it looks first, are
    still the same ones."""
    try:
        state = os.stat(subject.file)
    except OSError:
        return (), frozenset()
    places = [os.path.dirname(os.path.realpath(subject.file))]
    places += os.environ.get(PATH_VARIABLE, "").split(os.pathsep)
    modules = frozenset(module for place in places if place for module in _list_modules(place))
    return (state.st_ino, state.st_size, state.st_mtime_ns), modules


def _list_modules(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(_IMPORTED) or os.path.exists(f"{entry.path}/__init__.py"):
            yield entry.path
