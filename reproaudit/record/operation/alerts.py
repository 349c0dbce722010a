"""Ops that `torch.use_deterministic_algorithms(True)` refuses.

Each is caught, recorded and run again without the flag, so that the run goes on and all are found.
In the same run the use of tensors by several CUDA streams is followed. Where CUDA is not used, it
may end once steps bring no op and no call site that was not seen before.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

from reproaudit.record.hooks.callers import identity
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.stream_races import StreamRaces, is_in_use
from reproaudit.record.session import Recorder
from reproaudit.record.state.flags import is_on, is_refusal, put_back, set_strict

_STEPS_WITHOUT_NEWS = 1
_getpid = os.getpid
_make_lock = threading.RLock
_NO_TURN = contextlib.nullcontext()
_BUILT_IN = ("aten::", "prims::")


class Alerts:
    """Runs each op with the flag on, one at a time: the program itself never sees the flag.

    The memory fill that the flag brings along is switched off meanwhile. If the program has set the
    flag itself, its own setting rules and nothing is captured. The flag is one for all threads of a
    process: they take turns, op by op.
    """

    def __init__(self, recorder: Recorder, races: StreamRaces | None) -> None:
        self._recorder = recorder
        self._races = races
        self._seen: set[tuple[int, tuple[int, int, int]]] = set()
        self._turn = _make_lock()
        self._pid = _getpid()
        self._last_new = 0  # the step of the last call that was none of these
        if recorder.plan.is_brief:
            recorder.has_seen_enough = self._has_seen_enough

    def __call__(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: tuple[int, int, int]
    ) -> Any:
        """Run one op; `place` is its phase, module id and location id."""
        call = identity(func), place
        if call not in self._seen:
            self._seen.add(call)
            self._last_new = self._recorder.step
        if self._races is None:
            return self._run_under_flag(func, info, args, kwargs, place=place)
        watched = self._races.watch_waits(func)
        result = self._run_under_flag(watched, info, args, kwargs, place=place)
        self._races.account(info, args, kwargs, result, place=place)
        return result

    def _has_seen_enough(self) -> bool:
        if self._races is not None and is_in_use():
            return False  # which streams meet may change with no new op
        return self._recorder.step > self._last_new + _STEPS_WITHOUT_NEWS

    def _run_under_flag(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: tuple[int, int, int]
    ) -> Any:
        if _getpid() != self._pid:
            # What another thread held at the fork is never released in the child.
            self._turn, self._pid = _make_lock(), _getpid()
        # An op of an extension may wait for threads that run ops.
        turn = self._turn if is_built_in(info) else _NO_TURN
        with turn:
            if is_on():
                return call_op(func, args, kwargs)
            result, refusal = _call_under_flag(func, args, kwargs)
        if not refusal:
            return result
        write_alert(self._recorder, info, place, refusal)
        with turn:
            return call_op(func, args, kwargs)


def is_built_in(info: OpInfo) -> bool:
    """Return True for an op that only computes: one of an extension may do anything."""
    return info.name.startswith(_BUILT_IN)


def ask_flag(func: Any, args: Any, kwargs: Any) -> str:
    """Return what the flag says to a call; "" where it lets it pass. The call is made."""
    _, refusal = _call_under_flag(func, args, kwargs)
    return refusal


def write_alert(
    recorder: Recorder, info: OpInfo, place: tuple[int, int, int], refusal: str
) -> None:
    """Record that the flag refuses an op; `place` is its phase, module id and location id."""
    phase, module, site = place
    at = recorder.moment(phase, site)
    recorder.writer.add_alert(at=at, op=info.name, module=module, message=refusal)


def _call_under_flag(func: Any, args: Any, kwargs: Any) -> tuple[Any, str]:
    """Call an op with the flag on; return its result, and why the flag refuses it."""
    before = set_strict()
    try:
        return call_op(func, args, kwargs), ""
    except RuntimeError as error:
        if not is_refusal(error):
            raise
        message = str(error)
    finally:
        put_back(before)
    return None, _first_sentence(message)


def _first_sentence(message: str) -> str:
    return message.split(". ")[0].split("\n")[0][:300]
