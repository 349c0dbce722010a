"""The turn of a process that was started before its run is wanted: it waits there for a byte."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

_close = os.close
_execve = os.execve
_exit = os._exit
_read = os.read
_LATE = "late"  # behind the file descriptor: nothing of the program is done before the turn


class Turn:
    """Comes once; made before anything is changed in the process.

    `may_begin`: the imports that the program begins with may be done before.
    """

    def __init__(self, words: list[str]) -> None:
        self._held = int(words[0])
        self.may_begin = _LATE not in words
        self.has_come = False
        self._given = len(words)
        self._command = list(sys.orig_argv)
        self._environ = dict(os.environ)

    def wait(self) -> None:
        """Return once it is there. The process ends if it never comes."""
        if not _read(self._held, 1):  # the runner is gone, or needs no further run
            _exit(0)
        _close(self._held)
        self.has_come = True

    def hide(self) -> None:
        """Take what asks to wait out of the command line of this process.

        A repair may begin the process anew from it, and does so before the turn; the program may,
        and nothing is to be waited for then.
        """
        del sys.orig_argv[-self._given :]

    def begin_anew(self) -> NoReturn:
        """Become a process that does nothing of the program before its turn."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        _execve(sys.executable, [*self._command, _LATE], self._environ)
