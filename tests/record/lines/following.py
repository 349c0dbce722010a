"""Following the lines of a test's own functions, and reading what was recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reproaudit.trace.reader import Trace
from reproaudit.trace.views import LineEvent
from tests.record.recording import record


def follow(folder: Path, program: Callable[[], Any]) -> Trace:
    return record(folder, program, lines=True)[0]


def told(trace: Trace, function: Callable[..., Any]) -> list[tuple[int, str]]:
    """Return line, from the function's first one on, and name of each event in the function."""
    code = function.__code__
    place = (Path(code.co_filename).name, code.co_name)
    return [
        (event.location.line - code.co_firstlineno, event.name)
        for event in trace.lines()
        if (event.location.path, event.location.function) == place
    ]


def events_of(trace: Trace, name: str) -> list[LineEvent]:
    """Return the events of one variable."""
    return [event for event in trace.lines() if event.name == name]
