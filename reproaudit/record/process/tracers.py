"""Tracers and profilers of the program, which see the recorder among what they watch.

They are not suspended while it works: who sees a call and not its return counts wrongly, and one
that is written in C cannot be put back from Python. So it is said that they see it.
"""

from __future__ import annotations

import sys
from typing import Any

from reproaudit.model.events import Level, Unchecked
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import is_profiling

_getprofile = sys.getprofile
_gettrace = sys.gettrace
# From Python 3.12 on, tools may watch without either of these.
_get_tool: Any = getattr(getattr(sys, "monitoring", None), "get_tool", None)
_TOOLS = range(3)  # debugger, coverage, profiler
_OWN = __name__.partition(".")[0]


class TracerWatch:
    """Notes once that something of the program's watches the thread in which it is asked."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._is_noted = False

    def look(self) -> None:
        if self._is_noted:
            return
        # The operation level runs each operator within a call of its own.
        runs_twice = self._recorder.plan.level is not Level.BOUNDARY and is_profiling()
        if runs_twice or is_python_watched():
            self._is_noted = True
            self._recorder.writer.note(
                Unchecked.SEEN_BY_PROFILES,
                "what a tracer or profiler of the program counts",
                "it counts what the recorder does as well",
            )


def is_python_watched() -> bool:
    """Return True if calls of Python functions are followed in this thread, and not by us."""
    if _getprofile() is not None:
        return True
    if _get_tool is not None and any(_get_tool(tool) for tool in _TOOLS):
        return True
    tracer = _gettrace()
    # The recorder follows lines itself, where it is asked to.
    return tracer is not None and not str(getattr(tracer, "__module__", "")).startswith(_OWN)
