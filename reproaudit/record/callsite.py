"""The user's own line: which stack frame belongs to the audited program, and how its path is shown."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CodeType, FrameType

from reproaudit.trace.writer import TraceWriter

_getframe = sys._getframe
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_GENERATED = f"{os.sep}torchinductor_"  # the cache of modules that torch.compile writes; their names are random

OWN, LIBRARY, USER = 0, 1, 2  # ours, PyTorch's and Python's frames; other installed packages; the program's own


def _stdlib_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({os.path.realpath(paths[key]) + os.sep for key in ("stdlib", "platstdlib") if key in paths})


class CallSites:
    """Find the location id of the line of user code that is running now.

    The innermost frame of the program itself wins; where there is none (a library driven by a console script), the
    innermost frame that is not PyTorch's, Python's or ours.
    """

    def __init__(self, writer: TraceWriter, folder: str, cwd: str) -> None:
        self._writer = writer
        self._folder = os.path.realpath(folder) + os.sep
        self._cwd = os.path.realpath(cwd) + os.sep
        self._stdlib = _stdlib_roots()
        self._classes: dict[CodeType, int] = {}
        self._locations: dict[tuple[CodeType, int], int] = {}

    def here(self, depth: int = 2) -> int:
        """Return the location id of the user's line that called `depth` frames up; 0 if there is none."""
        frame: FrameType | None = _getframe(depth)
        classes = self._classes
        fallback: FrameType | None = None
        while frame is not None:
            code = frame.f_code
            kind = classes.get(code)
            if kind is None:
                kind = classes[code] = self._classify(code.co_filename)
            if kind == USER:
                break
            if kind == LIBRARY and fallback is None:
                fallback = frame
            frame = frame.f_back
        chosen = frame or fallback
        return 0 if chosen is None else self._locate(chosen)

    def is_direct(self, depth: int = 2, *, program_only: bool = False) -> bool:
        """True if the calling frame is not PyTorch's, Python's or ours: the program, or a library unless ruled out."""
        code = _getframe(depth).f_code
        kind = self._classes.get(code)
        if kind is None:
            kind = self._classes[code] = self._classify(code.co_filename)
        return kind == USER if program_only else kind != OWN

    def _locate(self, frame: FrameType) -> int:
        key = (frame.f_code, frame.f_lasti)
        found = self._locations.get(key)
        if found is None:
            code = frame.f_code
            found = self._writer.location(self.shown(code.co_filename), frame.f_lineno or 0, code.co_name)
            self._locations[key] = found
        return found

    def _classify(self, filename: str) -> int:
        if filename.startswith("<"):
            # A notebook cell is the program; "<frozen importlib>", "<string>" of a namedtuple and the like are not.
            return USER if filename.startswith("<ipython") else OWN
        real = os.path.realpath(filename)
        if real.startswith(_PACKAGE) or _GENERATED in real:
            return OWN
        if any(part in real for part in _INSTALLED):
            return OWN if any(f"{part}torch{os.sep}" in real for part in _INSTALLED) else LIBRARY
        if real.startswith(self._stdlib):
            return OWN
        return USER

    def shown(self, filename: str) -> str:
        """Return `filename` as reports show it: relative to the subject's folder or the working directory."""
        real = os.path.realpath(filename)
        for root in (self._folder, self._cwd):
            if real.startswith(root):
                return real[len(root) :]
        for part in _INSTALLED:
            _, found, tail = real.partition(part)
            if found:
                return tail
        return filename
