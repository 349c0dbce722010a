"""A program that replaces itself by another (`os.execv` and its like): followed where that is the
same Python with a script, as in the idiom that sets PYTHONHASHSEED; else it is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from reproaudit.config.plan import RunPlan, name_plan_file, to_json
from reproaudit.config.subject import SubjectKind
from reproaudit.errors import SubjectError
from reproaudit.files import write_whole
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.patching import Patches
from reproaudit.startup import RECORDER
from reproaudit.trace.failure import take_back_failure, write_failure

_LONE_FLAGS = frozenset("bBdEiIOPqsSuvx")
_FLAGS_WITH_VALUE = ("-W", "-X")
REPLACED = "replaced"  # in a plan's extra: what the program did before is not in the trace

_access = os.access
_executable = sys.executable
_fsdecode = os.fsdecode
_getpid = os.getpid
_isfile = os.path.isfile


class Successor:
    """Stands in for `os.execv` and `os.execve`, by which all others of their kind go.

    `save` writes what was recorded; it returns False if there is nothing yet.
    """

    def __init__(self, plan: RunPlan, save: Callable[[], bool]) -> None:
        self._plan = plan
        self._save = save
        self._pid = _getpid()
        self._execv = os.execv
        self._execve = os.execve

    def watch(self, patches: Patches) -> None:
        patches.replace_in_os("execv", self._replace)
        patches.replace_in_os("execve", self._replace_with_environment)

    def _replace(self, path: Any, argv: Any, /) -> NoReturn:
        self._go(path, argv, self._execv)

    def _replace_with_environment(self, path: Any, argv: Any, env: Mapping[Any, Any]) -> NoReturn:
        self._go(path, argv, lambda program, words: self._execve(program, words, env))

    def _go(self, path: Any, argv: Any, execute: Callable[[Any, Any], NoReturn]) -> NoReturn:
        # A fork that becomes another program is no run of this one. `execvp` tries many paths.
        if _getpid() != self._pid or isinstance(path, int) or not _access(path, os.X_OK):
            execute(path, argv)
        has_begun = self._save()
        words = [_fsdecode(word) for word in argv]
        command = self._follow(_fsdecode(path), words, has_begun=has_begun)
        if command is not None:
            execute(path, command)
        error = SubjectError(
            f"the program replaced itself by {' '.join(words)[:200]!r}",
            code="program-replaced",
            hint="audit the program that it starts",
        )
        write_failure(self._plan.trace_dir, error)
        try:
            execute(path, argv)
        except BaseException:
            take_back_failure(self._plan.trace_dir)
            raise

    def _follow(self, path: str, words: list[str], *, has_begun: bool) -> list[str] | None:
        """Return the command that records the next program; None if it cannot be followed."""
        position = find_script(words)
        is_python = own_paths.realpath(path) == own_paths.realpath(_executable)
        if position is None or not is_python or not _isfile(words[position]):
            return None
        subject = replace(
            self._plan.subject,
            kind=SubjectKind.SCRIPT,
            path=words[position],
            module="",
            attribute="",
            argv=tuple(words[position + 1 :]),
        )
        extra = self._plan.extra | {REPLACED: "yes"} if has_begun else self._plan.extra
        plan_path = name_plan_file(self._plan.trace_dir)
        try:
            text = to_json(replace(self._plan, subject=subject, extra=extra))
            write_whole(plan_path, text.encode("utf-8"))
        except OSError:
            return None
        return [*words[:position], RECORDER, plan_path]


def find_script(words: Sequence[str]) -> int | None:
    """Return where the script stands in a command line of Python; None if it runs none."""
    position = 1
    while position < len(words):
        word = words[position]
        if word.startswith(_FLAGS_WITH_VALUE):
            # Its value follows, unless it is part of the word.
            position += 2 if word in _FLAGS_WITH_VALUE else 1
        elif word.startswith("-") and len(word) > 1 and set(word[1:]) <= _LONE_FLAGS:
            position += 1
        else:
            return None if word.startswith("-") else position
    return None
