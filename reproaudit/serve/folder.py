"""Owns which audits lie in a folder: found by what files hold, read again only where they
changed."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reproaudit.errors import ReproauditError
from reproaudit.files import Unreadable, read_beginning, read_text
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import MOST_RESULT_BYTES, count_deciding_runs, from_json
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.variation_rows import choose_finding
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import name_source
from reproaudit.serve.walk import File, Stamp, Unopened, Walk, make_stamp

_MOST_AUDITS = 1_000
# As result.json begins. A file of the usual name is one, or was to be one, whatever it holds.
_START = re.compile(rb'\s*\{\s*"schema"\s*:\s*\d+\s*,\s*"verdict"\s*:')
_START_BYTES = 512
_USUAL_NAME = "result.json"
_MOST_PAGES = 8  # that are kept, of the last ones that were asked for
_MOST_PAGE_BYTES = 64 << 20

# Makes the page of a result, given the folder in which it lies: its traces may lie there, too.
Render = Callable[[AuditResult, Path], str]


@dataclass(frozen=True, slots=True)
class Audit:
    """A saved result as the list shows it.

    `name` is its path below the folder, for which `id` stands in addresses. `source` is the
    operator, or the call, at which runs first differ, `answer` the words for the verdict.
    """

    id: str
    name: str
    written_s: float
    verdict: Verdict
    answer: str
    headline: str
    cause: str
    source: str
    line: str
    steps: int
    runs: int


@dataclass(frozen=True, slots=True)
class Broken:
    """What may be a saved result, or a folder of some, and cannot be read."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds now. `is_cut`: there is more than was looked at."""

    audits: tuple[Audit, ...]
    broken: tuple[Broken, ...] = ()
    is_cut: bool = False


class NoAudit(Exception):
    """What was asked for is not there, or is no saved result any more."""


class AuditFolder:
    """The audits in a folder and in those below it. Several threads may ask at once."""

    def __init__(self, root: Path, render: Render) -> None:
        self._root = root
        self._render = render
        self._looking = threading.Lock()
        # By name: what a file of this stamp is; None: no saved result.
        self._known: dict[str, tuple[Stamp, Audit | Broken | None]] = {}
        self._rendering = threading.Lock()
        self._pages: OrderedDict[str, tuple[Stamp, bytes]] = OrderedDict()

    def look(self) -> Listing:
        """Return what there is now. Raises OSError if the folder cannot be read."""
        with self._looking:
            return self._look()

    def find(self, identity: str) -> Audit:
        """Return the audit with this id. Raises NoAudit and OSError."""
        for audit in self.look().audits:
            if audit.id == identity:
                return audit
        raise NoAudit(identity)

    def show(self, identity: str) -> bytes:
        """Return the page of the audit with this id, as UTF-8. Raises NoAudit and OSError."""
        audit = self.find(identity)
        # One after the other: at once they would only slow each other down.
        with self._rendering:
            return self._show(audit)

    def _look(self) -> Listing:
        walk = Walk(self._root)
        known: dict[str, tuple[Stamp, Audit | Broken | None]] = {}
        audits = []
        broken = []
        is_cut = False
        for entry in walk:
            if isinstance(entry, Unopened):
                broken.append(Broken(entry.name, entry.why))
                continue
            stamp, found = self._known.get(entry.name, (None, None))
            if stamp != entry.stamp:
                found = self._identify(entry)
            known[entry.name] = (entry.stamp, found)
            if isinstance(found, Broken):
                broken.append(found)
            elif found is not None:
                audits.append(found)
            if len(audits) + len(broken) == _MOST_AUDITS:
                is_cut = True
                break
        self._known = known
        return Listing(tuple(audits), tuple(broken), is_cut or walk.is_cut)

    def _identify(self, file: File) -> Audit | Broken | None:
        path = self._root / file.name
        try:
            if path.name != _USUAL_NAME and not _begins_as_result(path):
                return None
            return _summarise(file, _read(path, file.name))
        except FileNotFoundError:  # since the folder was listed
            return None
        except Unreadable as error:
            return Broken(file.name, str(error))
        except ReproauditError as error:
            # The list has its name beside it.
            return Broken(file.name, error.message.removeprefix(f"cannot read {file.name!r}: "))

    def _show(self, audit: Audit) -> bytes:
        path = self._root / audit.name
        try:
            stamp = make_stamp(os.lstat(path))
            held = self._pages.get(audit.id)
            if held is not None and held[0] == stamp:
                self._pages.move_to_end(audit.id)
                return held[1]
            result = _read(path, audit.name)
        except (OSError, Unreadable, ReproauditError) as error:
            raise NoAudit(audit.id) from error
        page = self._render(result, path.parent).encode("utf-8")
        self._pages[audit.id] = (stamp, page)
        self._pages.move_to_end(audit.id)
        while len(self._pages) > 1 and self._keeps_too_much():
            self._pages.popitem(last=False)
        return page

    def _keeps_too_much(self) -> bool:
        size = sum(len(page) for _, page in self._pages.values())
        return len(self._pages) > _MOST_PAGES or size > _MOST_PAGE_BYTES


def _begins_as_result(path: Path) -> bool:
    return _START.match(read_beginning(path, _START_BYTES)) is not None


def _read(path: Path, name: str) -> AuditResult:
    return from_json(read_text(path, MOST_RESULT_BYTES, follow_link=False), name)


def _summarise(file: File, result: AuditResult) -> Audit:
    result = move_to_working_folder(result)
    first = choose_finding(result)
    line = first.location.place if first and first.location else ""
    return Audit(
        id=hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16],
        name=file.name,
        written_s=file.written_s,
        verdict=result.verdict,
        answer=name_answer(result),
        headline=result.headline,
        cause=first.cause.value if first else "",
        source=name_source(first) if first else "",
        line=line,
        steps=result.steps,
        runs=count_deciding_runs(result),
    )
