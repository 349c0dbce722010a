"""The recorder's own use of torch and of the program's objects: out of the program's sight, and
guarded."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from reproaudit.record.torch_private import (
    DisableFunctionModes,
    is_profiling,
    set_profiled,
    set_tracing_state,
    tracing_state,
)

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder


class Guest:
    """What runs inside is the recorder's: no hook of ours records it, and no function mode, tracer,
    profiler or subclass of Tensor of the program sees it.

    If it fails, `what` is not compared: that is noted, and the program goes on.
    """

    __slots__ = ("_before", "_function", "_is_profiled", "_recorder", "_state", "_tracing", "_what")

    def __init__(self, recorder: Recorder, what: str) -> None:
        self._recorder = recorder
        self._what = what

    def __enter__(self) -> None:
        self._state = self._recorder.state
        self._before = self._state.inside
        self._state.inside = True
        # Not only where a mode is on: a subclass of Tensor is asked as well.
        self._function = DisableFunctionModes()
        self._function.__enter__()
        self._tracing = tracing_state()
        if self._tracing is not None:
            set_tracing_state(None)
        self._is_profiled = is_profiling()
        if self._is_profiled:
            set_profiled(False)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._is_profiled:
            set_profiled(True)
        if self._tracing is not None:
            set_tracing_state(self._tracing)
        self._function.__exit__(None, None, None)
        self._state.inside = self._before
        # The program's own objects run any code, and their failure must not become the program's.
        if not isinstance(error, Exception):
            return False
        self._recorder.note_failure(self._what, error)
        return True
