"""Reading a lock, which may be cut off, half merged, edited or foreign: a Lock, or an error that
names the line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from reproaudit.config.settings import Settings, from_dict
from reproaudit.errors import UsageError
from reproaudit.lock.model import (
    KINDS,
    OUTSIDE,
    VARIES,
    Entry,
    Lock,
    LockedOp,
    LockedRun,
    LockedTensor,
)
from reproaudit.lock.text import END, FORMAT_VERSION, MAGIC
from reproaudit.model.events import Phase

MAX_BYTES = 64 << 20
_MAX_LINE = 8192
_MAX_NUMBER_DIGITS = 9
_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_DIGEST = re.compile(r"[0-9a-f]+", re.ASCII)
_ESCAPE = re.compile(r"%(?![0-9A-F]{2})")
_PHASES = frozenset(phase.name.lower() for phase in Phase)


def from_text(text: str, name: str) -> Lock:
    """Read a lock strictly; `name` says in errors which file it is."""
    lines = text.split("\n")
    if (conflict := first_conflict(lines)) is not None:
        raise UsageError(
            f"{name}, line {conflict}: the file holds a merge conflict",
            code="lock-conflict",
            hint="make the lock again, which resolves it: reproaudit lock",
        )
    return _Reader(name, lines).read()


def first_conflict(lines: Iterable[str]) -> int | None:
    """Return the number of the first line that a version control system marked as a conflict, from
    1."""
    return next((number for number, line in enumerate(lines, 1) if _CONFLICT.match(line)), None)


def sides(text: str) -> tuple[str, str]:
    """Return the two texts that a merge could not bring together, without the markers and the
    common ancestor."""
    kept: tuple[list[str], list[str]] = ([], [])
    wanted: tuple[int, ...] = (0, 1)
    for line in text.split("\n"):
        marker = _CONFLICT.match(line)
        if marker is None:
            for side in wanted:
                kept[side].append(line)
        else:
            wanted = {"<": (0,), "|": (), "=": (1,), ">": (0, 1)}[line[0]]
    return "\n".join(kept[0]), "\n".join(kept[1])


@dataclass(slots=True)
class _Draft:
    """A run while its lines are read."""

    environment: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    tensors: list[LockedTensor] = field(default_factory=list)
    operators: list[LockedOp] = field(default_factory=list)
    kept: int | None = None  # what its section says; None: no such section yet
    total: int = 0
    other_threads: bool = False
    line: int = 0


class _Reader:
    def __init__(self, name: str, lines: list[str]) -> None:
        self._name = name
        self._lines = lines
        self._number = 0
        self._entries: list[dict[str, Any]] = []
        self._draft: _Draft | None = None
        self._section = ""
        self._place = ("", 0)  # process and step of the section

    def read(self) -> Lock:
        self._header()
        for number, line in enumerate(self._lines, 1):
            self._number = number
            if number == 1 or not line or line.startswith("#"):
                continue
            if line == END:
                return self._finished()
            if len(line) > _MAX_LINE:
                self._refuse(f"the line is longer than {_MAX_LINE} characters")
            if line.startswith("  ") and not line.startswith("   "):
                self._row(line[2:])
            else:
                self._begin(line.split(" "))
        raise UsageError(
            f"{self._name}, line {len(self._lines)}: the file ends before its last line, {END!r}: it was cut off",
            code="lock-truncated",
            hint="take it from version control again, or make it again: reproaudit lock SUBJECT",
        )

    def _header(self) -> None:
        magic, _, version = self._lines[0].partition(" ")
        self._number = 1
        if magic != MAGIC:
            self._refuse("this is no lock of reproaudit")
        if version != str(FORMAT_VERSION):
            raise UsageError(
                f"{self._name}, line 1: lock format {version[:20]!r}, this reproaudit reads {FORMAT_VERSION}",
                code="lock-version",
                hint="use the reproaudit that wrote it, or delete the file and lock again",
            )

    def _finished(self) -> Lock:
        if any(line.strip() for line in self._lines[self._number :]):
            self._number += 1
            self._refuse(f"something follows the last line, {END!r}")
        self._close_run()
        entries = tuple(self._entry(parts) for parts in self._entries)
        names = [entry.name for entry in entries]
        for name in names:
            if names.count(name) > 1:
                self._refuse(f"there are two entries of {name!r}")
        return Lock(entries)

    def _entry(self, parts: dict[str, Any]) -> Entry:
        self._number = parts["line"]
        if "steps" not in parts:
            self._refuse(f"the entry of {parts['subject']!r} does not say how many steps it has")
        if not parts["runs"]:
            self._refuse(f"the entry of {parts['subject']!r} holds no environment")
        environments = [run.environment for run in parts["runs"]]
        if len(set(environments)) < len(environments):
            self._refuse(f"the entry of {parts['subject']!r} holds one environment twice")
        return Entry(
            parts["subject"],
            tuple(parts["arguments"]),
            tuple(parts["inputs"]),
            self._settings(parts["settings"]),
            parts["steps"],
            tuple(parts["runs"]),
        )

    def _settings(self, rows: dict[str, Any]) -> Settings:
        try:
            return from_dict(rows)
        except UsageError as error:
            self._refuse(f"{error.message}; {error.hint}")

    # -- sections
    # ----------------------------------------------------------------------------------------------------

    def _begin(self, words: list[str]) -> None:
        self._section = words[0]
        if words[0] == "subject" and len(words) == 2:
            self._close_run()
            self._entries.append(
                {
                    "subject": self._word(words[1]),
                    "arguments": [],
                    "inputs": [],
                    "settings": {},
                    "runs": [],
                    "line": self._number,
                }
            )
        elif words == ["environment"] and self._entries:
            self._close_run()
            self._draft = _Draft(line=self._number)
        elif words in (["code"], ["set-by-the-program"]) and self._draft is not None:
            pass
        elif (
            words[0] in ("step", "operators-of-step")
            and len(words) in (2, 3)
            and self._draft is not None
        ):
            self._place = (self._word(words[2]) if len(words) == 3 else "", self._count(words[1]))
        elif (
            words[0] == "operators"
            and len(words) == 5
            and words[2] == "of"
            and self._draft is not None
        ):
            if words[4] not in ("main-thread", "all-threads"):
                self._refuse(f"there are no operators of {words[4][:40]!r}")
            self._draft.kept, self._draft.total = self._count(words[1]), self._count(words[3])
            self._draft.other_threads = words[4] == "all-threads"
        else:
            self._refuse(f"no section begins like this: {' '.join(words)[:60]!r}")

    def _close_run(self) -> None:
        draft, self._draft = self._draft, None
        if draft is None:
            return
        if draft.kept is None or draft.kept != len(draft.operators) or draft.total < draft.kept:
            self._number = draft.line
            said = "nothing" if draft.kept is None else f"{draft.kept} of {draft.total}"
            self._refuse(
                f"{len(draft.operators)} operators of this environment are here, and its section says {said}"
            )
        run = LockedRun(
            tuple(draft.environment),
            tuple(draft.files),
            tuple(draft.changes),
            tuple(draft.tensors),
            tuple(draft.operators),
            draft.total,
            draft.other_threads,
        )
        self._entries[-1]["runs"].append(run)

    # -- rows
    # --------------------------------------------------------------------------------------------------------

    def _row(self, text: str) -> None:
        draft = self._draft
        if self._section == "subject":
            self._entry_row(text)
        elif draft is None:
            self._refuse("the line belongs to no section")
        elif self._section == "environment":
            draft.environment.append(self._named(text))
        elif self._section == "set-by-the-program":
            draft.changes.append(self._named(text))
        elif self._section == "code":
            digest, path = self._words(text, 2)
            draft.files.append((self._word(path), self._digest(digest, 16)))
        elif self._section == "step":
            draft.tensors.append(self._tensor(text.split()))
        elif self._section == "operators-of-step":
            draft.operators.append(self._operator(text.split()))
        else:
            self._refuse("the section has no lines of its own")

    def _entry_row(self, text: str) -> None:
        entry = self._entries[-1]
        key, _, value = text.partition(" ")
        if key in ("argument", "input"):
            entry[f"{key}s"].append(self._word(value))
        elif key == "steps":
            entry["steps"] = None if value == "all" else self._count(value)
        elif key == "setting":
            self._setting(entry["settings"], *value.partition(" ")[::2])
        else:
            self._refuse(f"an entry has no {key[:40]!r}")

    def _setting(self, settings: dict[str, Any], name: str, value: str) -> None:
        try:
            read = json.loads(self._word(value))
        except (ValueError, RecursionError):
            self._refuse(f"the value of the setting {name[:40]!r} is no JSON")
        name = self._word(name)
        if name.startswith("env."):
            settings.setdefault("env", {})[name[4:]] = read
        else:
            settings[name] = read

    def _named(self, text: str) -> tuple[str, str]:
        name, colon, value = text.partition(": ")
        if not colon:
            self._refuse("the line is not NAME: VALUE")
        return self._word(name), self._word(value)

    def _tensor(self, words: list[str]) -> LockedTensor:
        if len(words) not in (4, 5) or words[0] not in KINDS:
            self._refuse("the line is not KIND DIGEST TENSOR NAME [VALUE]")
        kind, digest, tensor, name = words[:4]
        value = self._word(words[4]) if len(words) == 5 else ""
        return LockedTensor(
            *self._place,
            kind,
            self._word(name),
            self._word(tensor),
            self._digest(digest, 16),
            value,
        )

    def _operator(self, words: list[str]) -> LockedOp:
        if len(words) not in (6, 7) or words[0] not in _PHASES:
            self._refuse(
                "the line is not PHASE INPUTS OUTPUTS OPERATOR FILE:LINE MODULE [generator=DIGEST]"
            )
        phase, inputs, outputs, op, place, module = words[:6]
        path, colon, line = place.rpartition(":")
        key, _, generator = words[6].partition("=") if len(words) == 7 else ("generator", "", "")
        if not colon or key != "generator":
            self._refuse(
                "the line is not PHASE INPUTS OUTPUTS OPERATOR FILE:LINE MODULE [generator=DIGEST]"
            )
        return LockedOp(
            *self._place,
            phase,
            self._word(op),
            self._word(path),
            self._count(line),
            self._word(module),
            inputs if inputs == OUTSIDE else self._digest(inputs, 8),
            self._digest(outputs, 8),
            self._digest(generator, 8) if generator else "",
        )

    # -- words
    # -------------------------------------------------------------------------------------------------------

    def _words(self, text: str, count: int) -> list[str]:
        words = text.split()
        if len(words) != count:
            self._refuse(f"the line holds {len(words)} words, not {count}")
        return words

    def _word(self, text: str) -> str:
        if not text or _ESCAPE.search(text):
            self._refuse(
                f"{text[:40]!r} is no word of a lock: a percent sign is written %25, nothing is written -"
            )
        try:
            return "" if text == "-" else unquote_to_bytes(text).decode("utf-8", "surrogatepass")
        except UnicodeError:
            self._refuse(f"{text[:40]!r} is not UTF-8")

    def _digest(self, text: str, length: int) -> str:
        if text != VARIES and (len(text) != length or not _DIGEST.fullmatch(text)):
            self._refuse(f"{text[:40]!r} is no digest of {length} hexadecimal digits")
        return text

    def _count(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > _MAX_NUMBER_DIGITS:
            self._refuse(f"{text[:40]!r} is no number")
        return int(text)

    def _refuse(self, why: str) -> NoReturn:
        raise UsageError(
            f"{self._name}, line {self._number}: {why}",
            code="lock-corrupt",
            hint="take the file from version control again, or make it again: reproaudit lock SUBJECT",
        )
