"""Who called a wrapped function: the innermost frame that is not the recorder's own."""

from __future__ import annotations

import os
import sys
from types import FrameType

_getframe = sys._getframe
# What tells one living object from all others, as `id` does, of which each call is told to every
# audit hook of the process.
identity = object.__hash__
_HERE = os.path.abspath(__file__)
PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(_HERE))) + os.sep


def frame_at(depth: int) -> FrameType | None:
    """Return the frame `depth` frames above the caller's own; None if there are not so many.

    What the interpreter itself calls, at its end or when an object dies, has no frame above it.
    """
    try:
        return _getframe(depth + 1)
    except ValueError:
        return None


def outer_frame(depth: int) -> FrameType | None:
    """Return the frame `depth` frames above the caller's own; if it is ours, the next that is not.

    Wrappers of one function may lie around each other, so that the frame right above one of them
    says nothing.
    """
    frame = frame_at(depth + 1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame
