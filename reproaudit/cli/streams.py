"""Standard output and error: which a command cannot do without, and what is said where one fails.

Neither may decide the exit code: a log on a full disk says nothing about a program.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from reproaudit.errors import UsageError
from reproaudit.files import send_nowhere


class _Stream:
    """A standard stream, of text or bytes, that knows what to do where it takes nothing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def write(self, data: Any) -> int:
        try:
            self._inner.write(data)
        except OSError as error:
            self._give_up(error)
        return len(data)

    def flush(self) -> None:
        try:
            self._inner.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        # A stream that is no file has nowhere to be sent from.
        with contextlib.suppress(OSError, ValueError):
            send_nowhere(self._inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class SparedStream(_Stream):
    """Standard error: what it does not take is lost, and nothing ends by that."""

    def __init__(self, inner: Any, text: SparedStream | None = None) -> None:
        super().__init__(inner)
        self._text = text  # of whose bytes this is the stream
        self.has_failed = False
        if hasattr(inner, "buffer"):
            self.buffer = SparedStream(inner.buffer, self)

    def _give_up(self, error: OSError) -> None:
        self.has_failed = True
        if self._text is not None:
            # It writes to where nothing arrives from now on, and does not fail itself any more.
            self._text.has_failed = True
        self._discard()


class StrictStream(_Stream):
    """Standard output: what a command says there is what it is for, so that a failure is told."""

    def _give_up(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error  # whoever read has seen enough, as `head` does
        self._discard()
        raise UsageError(
            f"cannot write to standard output: {error.strerror}",
            code="report-write",
            hint="send it elsewhere, or a report into a file with --report FORMAT=PATH",
        ) from None


@contextlib.contextmanager
def guard_streams() -> Iterator[None]:
    """Let no failure of a stream within be taken for anything else."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None:
        sys.stdout = cast(TextIO, StrictStream(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast(TextIO, SparedStream(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(line: str) -> None:
    """Write a line to standard error; where that takes nothing, to standard output."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)
        if not getattr(sys.stderr, "has_failed", False):
            return
    if sys.stdout is not None:
        with contextlib.suppress(OSError, UsageError):
            print(line, flush=True)


def require_streams(command: str) -> None:
    """Refuse to begin where nobody could read what the command will say.

    A recording says nothing: its streams are the program's.
    """
    if command == "record":
        return
    if sys.stdout is None:
        raise UsageError(
            "standard output is closed",
            code="stream-closed",
            hint="leave it open; >/dev/null throws it away",
        )
    if sys.stderr is None:
        raise UsageError(
            "standard error is closed, so that no error could be told",
            code="stream-closed",
            hint="leave it open; 2>/dev/null throws it away",
        )
