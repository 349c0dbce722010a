"""What is told of an error of the program's."""

from __future__ import annotations

import traceback

_MOST_TOLD = 500  # characters
_TRACEBACK = "Traceback (most recent call last):\n"


def describe_error(error: BaseException) -> str:
    """Return the kind and the message of an error of the program's, which may fail to give it.

    It is one line, whatever the message is.
    """
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:
        return f"{kind} without a message that can be read"
    return _join(f"{kind}: {drop_traceback(message)}") if message else kind


def describe_in_one_line(error: BaseException) -> str:
    """Return what the interpreter prints last of an error that nobody catches, in one line."""
    last = traceback.format_exception_only(type(error), error)[-1]
    return _join(drop_traceback(last))


def _join(text: str) -> str:
    return " ".join(text.split())[:_MOST_TOLD]


def drop_traceback(message: str) -> str:
    """Return a message without a traceback that it quotes, as that of another process: what stands
    before it, and its last line."""
    before, marker, quoted = message.partition(_TRACEBACK)
    lines = quoted.strip().splitlines()
    return f"{before}{lines[-1]}" if marker and lines else message
