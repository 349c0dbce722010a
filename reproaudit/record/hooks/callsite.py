"""The user's own line: which frame belongs to the audited program, and how its path is shown."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Sequence
from types import CodeType, FrameType

from reproaudit.model.events import Location
from reproaudit.record.hooks import cells, own_paths
from reproaudit.record.hooks.callers import PACKAGE, frame_at, identity
from reproaudit.trace.tables import Place
from reproaudit.trace.writer import TraceWriter

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

# the cache of modules that torch.compile writes; their names are random
_GENERATED = f"{os.sep}torchinductor_"

_CELL_BODY = "<cell line:"

_getframe = sys._getframe

OWN = 0  # ours, PyTorch's and Python's frames
LIBRARY = 1  # other installed packages
USER = 2  # the program's own


@functools.cache
def _stdlib_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = set()
    for key in ("stdlib", "platstdlib"):
        if key in paths:
            roots.add(own_paths.realpath(paths[key]) + os.sep)
    return tuple(roots)


class FrameKinds:
    """Whose code a frame runs: OWN, LIBRARY or USER, remembered by code object and by file."""

    def __init__(self) -> None:
        self._stdlib = _stdlib_roots()
        # By identity: code objects that differ in their file alone are equal. They are kept, so
        # that none is used again.
        self.known: dict[int, int] = {}
        self._kept: list[CodeType] = []
        self._files: dict[str, int] = {}

    def of(self, code: CodeType) -> int:
        """Return whose code it is."""
        kind = self.known.get(identity(code))
        if kind is None:
            kind = self.of_file(code.co_filename)
            self._kept.append(code)
            self.known[identity(code)] = kind
        return kind

    def of_file(self, filename: str) -> int:
        """Return whose code the file holds."""
        # Not remembered: `%%time` and its like give all that they run one name.
        if cells.find_code(filename) is not None:
            return USER
        kind = self._files.get(filename)
        if kind is None:
            kind = self._classify(filename)
            self._files[filename] = kind
        return kind

    def is_program(self, depth: int) -> bool:
        """Return True if the frame `depth` frames above the caller's own is the program's."""
        frame = frame_at(depth + 1)
        return frame is not None and self.of(frame.f_code) == USER

    def _classify(self, filename: str) -> int:
        if filename.startswith("<"):
            # A notebook cell is the program; "<frozen importlib>", "<string>" of a namedtuple and
            # the like are not.
            if filename.startswith("<ipython"):
                return USER
            return OWN
        real = own_paths.realpath(filename)
        if real.startswith(PACKAGE) or _GENERATED in real or cells.is_driver(real):
            return OWN
        for part in _INSTALLED:
            if f"{part}torch{os.sep}" in real:
                return OWN
        for part in _INSTALLED:
            if part in real:
                return LIBRARY
        if real.startswith(self._stdlib):
            return OWN
        return USER


def find_line(frame: FrameType) -> Place:
    """Return the file and the line that a frame is at; of a notebook, the line of the cell."""
    code = frame.f_code
    line = frame.f_lineno or 0
    cell = cells.find_code(code.co_filename)
    if cell is None:
        return code.co_filename, line, code.co_name, 0
    return cell.path, cell.line(line), name_function(code), cell.cell


def name_function(code: CodeType) -> str:
    """Return the name of a function; IPython gives one to what is in none, that changes."""
    return "<module>" if code.co_name.startswith(_CELL_BODY) else code.co_name


def line_of_program(kinds: FrameKinds, folder: str, depth: int = 1) -> Location | None:
    """Return the innermost line of the program's own code above the calling frame.

    Its path is relative to `folder`, which is resolved.
    """
    frame = frame_at(depth)
    while frame is not None:
        if kinds.of(frame.f_code) == USER:
            filename, line, function, cell = find_line(frame)
            path = own_paths.relpath(own_paths.realpath(filename), folder)
            return Location(path, line, function, cell)
        frame = frame.f_back
    return None


class CallSites:
    """The line of user code that is running now, as a location id of the trace.

    The innermost frame of the program itself wins; where there is none (a library driven by a
    console script), the innermost frame that is not PyTorch's, Python's or ours.
    """

    def __init__(
        self,
        writer: TraceWriter,
        folder: str,
        cwd: str,
        *,
        copies: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._writer = writer
        self._copies = copies
        self._folder = own_paths.realpath(folder) + os.sep
        self._cwd = own_paths.realpath(cwd) + os.sep
        self.kinds = FrameKinds()
        # By the identity of a code object, which `kinds` keeps, and the instruction within it.
        self._locations: dict[tuple[int, int], int] = {}

    def here(self, depth: int = 2) -> int:
        """Return the location id of the user's line that called `depth` frames up; 0 for none."""
        try:
            # As `frame_at`, which is another call: this is asked for each operator of the program.
            frame: FrameType | None = _getframe(depth)
        except ValueError:
            return 0
        known = self.kinds.known
        fallback: FrameType | None = None
        while frame is not None:
            code = frame.f_code
            key = identity(code)
            kind = known.get(key)
            if kind is None:
                kind = self.kinds.of(code)
            if kind == USER:
                found = self._locations.get((key, frame.f_lasti))
                return self._locate(frame) if found is None else found
            if kind == LIBRARY and fallback is None:
                fallback = frame
            frame = frame.f_back
        return 0 if fallback is None else self._locate(fallback)

    def is_direct(self, depth: int = 2, *, program_only: bool = False) -> bool:
        """Return True if the calling frame is not PyTorch's, Python's or ours.

        With `program_only` it is not a library's either.
        """
        frame = frame_at(depth)
        if frame is None:
            return False
        kind = self.kinds.of(frame.f_code)
        return kind == USER if program_only else kind != OWN

    def _locate(self, frame: FrameType) -> int:
        key = (identity(frame.f_code), frame.f_lasti)
        found = self._locations.get(key)
        if found is None:
            filename, line, function, cell = find_line(frame)
            found = self._writer.location(self.shown(filename), line, function, cell)
            self._locations[key] = found
        return found

    def shown(self, filename: str) -> str:
        """Return `filename` as reports show it: relative to the subject's folder.

        Files outside of it that lie in the working directory are reached by "..". What is installed
        is shown below "site-packages/", which no folder of a project is called.
        """
        real = own_paths.realpath(filename)
        for part in _INSTALLED:
            _, found, tail = real.partition(part)
            if found:
                return f"site-packages/{tail}"
        if real.startswith((self._folder, self._cwd)):
            return own_paths.relpath(real, self._folder)
        for copy, original in self._copies:
            # The copy goes with this run.
            for place, path in ((copy, filename), (own_paths.realpath(copy), real)):
                if path.startswith(place + os.sep):
                    return original + path[len(place) :]
        return filename

    def shown_data(self, real: str) -> str:
        """Return the resolved path of a data file as reports show it.

        Where the subject lies outside of the working directory, it is relative to the latter: in a
        copy of the directory it is the same.
        """
        if real.startswith(self._cwd) and not self._folder.startswith(self._cwd):
            return own_paths.relpath(real, self._cwd)
        return self.shown(real)
