"""Tells whether a stream shows pictures: more than plain text, drawn with rich, the extra of that
name."""

from __future__ import annotations

import os
from typing import Any

_TOO_SIMPLE = ("dumb", "unknown")  # values of TERM


def takes_colour(stream: Any) -> bool:
    """Return True for a terminal that takes escape sequences, and whose user wants colours."""
    if stream is None or not stream.isatty():
        return False
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") not in _TOO_SIMPLE


def shows_pictures(stream: Any) -> bool:
    """Return True if what is written to the stream may be drawn with rich, which is not imported.

    The stream must take colours, and all the characters that lines are drawn with.
    """
    # Not at the top: help is given without it.
    from importlib.util import find_spec

    encoding = str(getattr(stream, "encoding", "")).lower().replace("-", "")
    return takes_colour(stream) and encoding == "utf8" and find_spec("rich") is not None
