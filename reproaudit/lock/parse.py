"""Reading a lock, which may be cut off, half merged, edited or foreign.

The result is a Lock, or a UsageError that names the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reproaudit.codec import Malformed
from reproaudit.config.settings import Settings, from_dict
from reproaudit.errors import UsageError
from reproaudit.lock.lines import (
    MAX_LINE,
    Place,
    read_count,
    read_file,
    read_operator,
    read_pair,
    read_setting,
    read_steps,
    read_tensor,
    read_word,
)
from reproaudit.lock.model import AFTER_ALL_STEPS, Entry, Lock, LockedOp, LockedRun, LockedTensor
from reproaudit.lock.text import END, FORMAT_VERSION, MAGIC

MAX_BYTES = 64 << 20
_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_THREADS = {"main-thread": False, "all-threads": True}


def from_text(text: str, name: str) -> Lock:
    """Read a lock strictly; `name` says in errors which file it is."""
    lines = text.split("\n")
    # First of all: the markers of a conflict may stand above the first line.
    conflict = find_conflict(lines)
    if conflict is not None:
        raise UsageError(
            f"{name}, line {conflict}: the file holds a merge conflict",
            code="lock-conflict",
            hint="make the lock again, which resolves it: reproaudit lock",
        )
    # Before any other line: in another version it may mean something else.
    _check_version(lines[0], name)
    return _Reader(name, lines).read()


def find_conflict(lines: Iterable[str]) -> int | None:
    """Return the number, from 1, of the first line that marks a merge conflict."""
    for number, line in enumerate(lines, 1):
        if _CONFLICT.match(line):
            return number
    return None


def split_sides(text: str) -> tuple[str, str]:
    """Return the two texts that a merge could not bring together.

    The markers and the common ancestor are left out.
    """
    ours: list[str] = []
    theirs: list[str] = []
    both = (ours, theirs)
    # The sides that the lines which follow belong to.
    wanted: tuple[list[str], ...] = both
    after_marker = {"<": (ours,), "|": (), "=": (theirs,), ">": both}
    for line in text.split("\n"):
        if _CONFLICT.match(line):
            wanted = after_marker[line[0]]
        else:
            for side in wanted:
                side.append(line)
    return "\n".join(ours), "\n".join(theirs)


def _check_version(line: str, name: str) -> None:
    magic, _, version = line.partition(" ")
    if magic != MAGIC:
        raise _corrupt(name, 1, "this is no lock of reproaudit")
    if version != str(FORMAT_VERSION):
        found = f"lock format {version[:20]!r}, this reproaudit reads {FORMAT_VERSION}"
        raise UsageError(
            f"{name}, line 1: {found}",
            code="lock-version",
            hint="use the reproaudit that wrote it, or delete the file and lock again",
        )


@dataclass(slots=True)
class _RunDraft:
    """A run while its lines are read. `line` is where it begins."""

    line: int
    environment: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    tensors: list[LockedTensor] = field(default_factory=list)
    operators: list[LockedOp] = field(default_factory=list)
    kept: int | None = None  # what its section says; None: no such section yet
    total: int = 0
    other_threads: bool = False

    def finish(self) -> LockedRun:
        """Return the run. Raise Malformed if it does not hold the operators that it says."""
        here = len(self.operators)
        if self.kept != here or self.total < here:
            said = "nothing"
            if self.kept is not None:
                said = f"{self.kept} of {self.total}"
            raise Malformed(
                f"{here} operators of this environment are here, and its section says {said}"
            )
        return LockedRun(
            environment=tuple(self.environment),
            files=tuple(self.files),
            changes=tuple(self.changes),
            tensors=tuple(self.tensors),
            operators=tuple(self.operators),
            operators_total=self.total,
            other_threads=self.other_threads,
        )


@dataclass(slots=True)
class _EntryDraft:
    """An entry while its lines are read. `line` is where it begins."""

    line: int
    subject: str
    arguments: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None
    has_steps: bool = False
    runs: list[LockedRun] = field(default_factory=list)

    def add_row(self, text: str) -> None:
        """Read one line below `subject`."""
        key, _, value = text.partition(" ")
        if key == "argument":
            self.arguments.append(read_word(value))
        elif key == "input":
            self.inputs.append(read_word(value))
        elif key == "steps":
            self.steps = read_steps(value)
            self.has_steps = True
        elif key == "setting":
            self._add_setting(value)
        else:
            raise Malformed(f"an entry has no {key[:40]!r}")

    def _add_setting(self, text: str) -> None:
        name, value = read_setting(text)
        if name.startswith("env."):
            variable = name.removeprefix("env.")
            self.variables[variable] = value
        else:
            self.settings[name] = value

    def finish(self) -> Entry:
        """Return the entry. Raise Malformed if something is missing or stands twice."""
        called = f"the entry of {self.subject!r}"
        if not self.has_steps:
            raise Malformed(f"{called} does not say how many steps it has")
        if not self.runs:
            raise Malformed(f"{called} holds no environment")
        environments = {run.environment for run in self.runs}
        if len(environments) < len(self.runs):
            raise Malformed(f"{called} holds one environment twice")
        return Entry(
            subject=self.subject,
            arguments=tuple(self.arguments),
            inputs=tuple(self.inputs),
            settings=self._finish_settings(),
            steps=self.steps,
            runs=tuple(self.runs),
        )

    def _finish_settings(self) -> Settings:
        values = dict(self.settings)
        if self.variables:
            values["env"] = self.variables
        try:
            return from_dict(values)
        except UsageError as error:
            raise Malformed(f"{error.message}; {error.hint}") from None


class _Reader:
    """Reads the lines in order; `_number` is that of the line which an error names."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self._name = name
        self._lines = lines
        self._number = 1
        self._entries: list[_EntryDraft] = []
        self._run: _RunDraft | None = None
        self._section = ""
        self._place = Place(process="", step=0)

    def read(self) -> Lock:
        try:
            return self._read_lines()
        except Malformed as fault:
            raise _corrupt(self._name, self._number, fault.fault) from None

    def _read_lines(self) -> Lock:
        for number, line in enumerate(self._lines[1:], 2):
            self._number = number
            if not line or line.startswith("#"):
                continue
            if line == END:
                return self._finish()
            if len(line) > MAX_LINE:
                raise Malformed(f"the line is longer than {MAX_LINE} characters")
            if line.startswith("  ") and not line.startswith("   "):
                self._read_row(line[2:])
            else:
                self._begin_section(line.split(" "))
        where = f"line {len(self._lines)}: the file ends before its last line"
        raise UsageError(
            f"{self._name}, {where}, {END!r}: it was cut off",
            code="lock-truncated",
            hint="take it from version control again, or make it again: reproaudit lock SUBJECT",
        )

    def _finish(self) -> Lock:
        rest = self._lines[self._number :]
        if any(line.strip() for line in rest):
            self._number += 1
            raise Malformed(f"something follows the last line, {END!r}")
        self._close_run()
        entries: dict[str, Entry] = {}
        for draft in self._entries:
            self._number = draft.line
            entry = draft.finish()
            if entry.name in entries:
                raise Malformed(f"there are two entries of {entry.name!r}")
            entries[entry.name] = entry
        return Lock(tuple(entries.values()))

    def _close_run(self) -> None:
        draft = self._run
        if draft is None:
            return
        self._run = None
        # What is wrong with a whole run is reported at the line where the run begins.
        at_end = self._number
        self._number = draft.line
        run = draft.finish()
        self._entries[-1].runs.append(run)
        self._number = at_end

    def _begin_section(self, words: list[str]) -> None:
        self._section = words[0]
        match words:
            case ["subject", subject]:
                self._close_run()
                entry = _EntryDraft(line=self._number, subject=read_word(subject))
                self._entries.append(entry)
            case ["environment"] if self._entries:
                self._close_run()
                self._run = _RunDraft(line=self._number)
            case ["code"] | ["set-by-the-program"] if self._run is not None:
                pass
            case ["left"] if self._run is not None:
                self._place = Place(process="", step=AFTER_ALL_STEPS)
            case ["left", process] if self._run is not None:
                self._place = Place(process=read_word(process), step=AFTER_ALL_STEPS)
            case ["step" | "operators-of-step", step] if self._run is not None:
                self._place = Place(process="", step=read_count(step))
            case ["step" | "operators-of-step", step, process] if self._run is not None:
                self._place = Place(process=read_word(process), step=read_count(step))
            case ["operators", kept, "of", total, threads] if self._run is not None:
                if threads not in _THREADS:
                    raise Malformed(f"there are no operators of {threads[:40]!r}")
                self._run.kept = read_count(kept)
                self._run.total = read_count(total)
                self._run.other_threads = _THREADS[threads]
            case _:
                line = " ".join(words)
                raise Malformed(f"no section begins like this: {line[:60]!r}")

    def _read_row(self, text: str) -> None:
        """Read a line of the section that began last, without its indentation."""
        if self._section == "subject":
            self._entries[-1].add_row(text)
            return
        run = self._run
        if run is None:
            raise Malformed("the line belongs to no section")
        match self._section:
            case "environment":
                run.environment.append(read_pair(text))
            case "set-by-the-program":
                run.changes.append(read_pair(text))
            case "code":
                run.files.append(read_file(text))
            case "step" | "left":
                run.tensors.append(read_tensor(text, self._place))
            case "operators-of-step":
                run.operators.append(read_operator(text, self._place))
            case _:
                raise Malformed("the section has no lines of its own")


def _corrupt(name: str, number: int, why: str) -> UsageError:
    return UsageError(
        f"{name}, line {number}: {why}",
        code="lock-corrupt",
        hint="take the file from version control again, or make it again: reproaudit lock SUBJECT",
    )
