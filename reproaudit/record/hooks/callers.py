"""Who called a wrapped function: the innermost frame that is not the recorder's own."""

from __future__ import annotations

import os
import sys
from types import FrameType

_getframe = sys._getframe
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


def outer_frame(depth: int) -> FrameType | None:
    """Return the frame `depth` frames above the caller's own, or the first one beyond it that is
    not ours.

    Wrappers of one function may lie around each other, so that the frame right above one of them
    says nothing.
    """
    frame: FrameType | None = _getframe(depth + 1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame
