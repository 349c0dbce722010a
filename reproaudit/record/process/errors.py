"""What is told of an error of the program's."""

from __future__ import annotations

_MOST_TOLD = 500  # characters


def describe_error(error: BaseException) -> str:
    """Return the kind and the message of an error of the program's, which may fail to give it."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:
        return f"{kind} without a message that can be read"
    return f"{kind}: {message}"[:_MOST_TOLD]
