"""Lines of the program's own source around the places that a result names."""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reproaudit.config.notebook import SUFFIX as NOTEBOOK_SUFFIX
from reproaudit.config.notebook import read_notebook
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_bytes
from reproaudit.model.events import Location
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.question import list_locations
from reproaudit.model.result import AuditResult
from reproaudit.trace.runs import Run
from reproaudit.trace.schema import RUN_FILE

LINES_AROUND = 7
MOST_PLACES = 40
MOST_COLUMNS = 400
_MOST_BYTES = 4 << 20  # of one file
_INSTALLED = "site-packages/"  # how the path of an installed package begins, as traces show it
_CUT = "…"
_LINE_END = re.compile(r"\r\n|\r|\n")
_Part = tuple[str, int]  # a path, and a cell of a notebook or 0


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """Where the source lies: `path` is what locations are relative to.

    Of traces that a stranger may have made, no file is read that lies outside of `within`, and none
    that was changed since `unchanged_ns`, a time as files have it.
    """

    path: Path
    within: Path | None = None
    unchanged_ns: int | None = None

    def find(self, path: str) -> Path | None:
        """Return the file that a location names; None if it is not to be read."""
        if not path or path.startswith((_INSTALLED, "<")):
            return None
        file = self.path / path
        try:
            status = file.stat()
            real = Path(os.path.realpath(file))
        except (OSError, ValueError):  # ValueError: a null character in the path
            return None
        if self.unchanged_ns is not None and status.st_mtime_ns > self.unchanged_ns:
            return None
        if self.within is not None and not real.is_relative_to(self.within):
            return None
        return file


def find_source_of_runs(runs: Sequence[Run]) -> SourceFolder:
    """Return where the source of recorded runs lies if they were made from the working directory.

    What was changed since the first of them was recorded is not what they ran.
    """
    here = Path(os.path.realpath(os.curdir))
    subject, _, _ = runs[0].main.header["subject"].partition("::")
    file = here / subject
    times = [_read_time(run.main.directory / RUN_FILE) for run in runs]
    return SourceFolder(
        path=file.parent if _is_file(file) else here,
        within=here,
        unchanged_ns=min(times),
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # ValueError: a null character in the path
        return False


def _read_time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # it has gone since it was read: no source is known to be as old
        return 0


def read_excerpts(result: AuditResult, source: SourceFolder) -> tuple[Excerpt, ...]:
    """Return the lines around the places that a result names, the most important ones first.

    Installed packages are left out, and so is what cannot be read. Bytes that are no text are
    replaced, and lines longer than MOST_COLUMNS are cut.
    """
    lines_of: dict[_Part, Sequence[str]] = {}
    wanted: dict[_Part, set[int]] = {}
    places = 0
    for location in _list_places(result):
        if places == MOST_PLACES:
            break
        part = (location.path, location.cell)
        if part not in lines_of:
            lines_of[part] = _read_lines(source.find(location.path), location.cell)
        if not 0 < location.line <= len(lines_of[part]):
            continue
        around = wanted.setdefault(part, set())
        places += location.line not in around
        first = max(location.line - LINES_AROUND, 1)
        last = min(location.line + LINES_AROUND, len(lines_of[part]))
        around.update(range(first, last + 1))
    found: list[Excerpt] = []
    for part, numbers in wanted.items():
        found += _cut_out(part, lines_of[part], sorted(numbers))
    return tuple(found)


def _list_places(result: AuditResult) -> Iterator[Location]:
    """Yield the lines that reports name, what matters most first."""
    named: list[Iterable[Location | None]] = [
        (finding.location for finding in result.findings),
        (alert.location for alert in result.alerts),
    ]
    named += [(warning.location, *warning.others) for warning in result.warnings]
    named.append(change.location for change in result.changes)
    named.append(list_locations(result.resumption, result.streams, result.timeline))
    for locations in named:
        for location in locations:
            if location is not None:
                yield location


def _cut_out(part: _Part, lines: Sequence[str], numbers: Sequence[int]) -> Iterator[Excerpt]:
    """Yield one excerpt for each stretch of line numbers, which rise."""
    path, cell = part
    begin = 0
    for at, number in enumerate(numbers, 1):
        is_last = at == len(numbers) or numbers[at] != number + 1
        if is_last:
            first = numbers[begin]
            shown = tuple(map(_cut_line, lines[first - 1 : number]))
            yield Excerpt(path=path, first_line=first, lines=shown, cell=cell)
            begin = at


def _cut_line(line: str) -> str:
    return line if len(line) <= MOST_COLUMNS else line[:MOST_COLUMNS] + _CUT


def _read_lines(path: Path | None, cell: int) -> Sequence[str]:
    """Return the lines of a file, or of a cell of a notebook; none if it cannot be read."""
    if path is None:
        return ()
    if cell:
        return _read_cell(path, cell)
    try:
        content = read_bytes(path, _MOST_BYTES)
    except (OSError, Unreadable):
        return ()
    if b"\0" in content:  # no text, whatever its name says
        return ()
    return _LINE_END.split(content.decode(_find_encoding(content), "replace"))


def _find_encoding(content: bytes) -> str:
    """Return the encoding that a Python file declares."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:  # it declares one that there is not, or is none that it declares
        return "utf-8"
    return encoding


def _read_cell(path: Path, number: int) -> Sequence[str]:
    if path.suffix != NOTEBOOK_SUFFIX:
        return ()
    try:
        cells = read_notebook(path).cells
    except UsageError:
        return ()
    return cells[number - 1].source.split("\n") if number <= len(cells) else ()
