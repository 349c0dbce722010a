"""Ops that `torch.use_deterministic_algorithms(True)` refuses.

Each is caught, recorded and run again without the flag, so that the run goes on and all are found.
In the same run the use of tensors by several CUDA streams is followed.
"""

from __future__ import annotations

from typing import Any

from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.stream_races import StreamRaces
from reproaudit.record.session import Recorder
from reproaudit.record.state.flags import is_on, put_back, set_strict

_MARKS = ("deterministic", "CUBLAS_WORKSPACE_CONFIG")


class Alerts:
    """Runs each op with the flag on, one at a time: the program itself never sees the flag.

    The memory fill that the flag brings along is switched off meanwhile. If the program has set the
    flag itself, its own setting rules and nothing is captured.
    """

    def __init__(self, recorder: Recorder, races: StreamRaces | None) -> None:
        self._recorder = recorder
        self._races = races

    def __call__(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: tuple[int, int, int]
    ) -> Any:
        """Run one op; `place` is its phase, module id and location id."""
        if self._races is None:
            return self._run_under_flag(func, info, args, kwargs, place=place)
        watched = self._races.watch_waits(func)
        result = self._run_under_flag(watched, info, args, kwargs, place=place)
        self._races.account(info, args, kwargs, result, place=place)
        return result

    def _run_under_flag(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: tuple[int, int, int]
    ) -> Any:
        if is_on():
            return call_op(func, args, kwargs)
        before = set_strict()
        try:
            return call_op(func, args, kwargs)
        except RuntimeError as error:
            message = str(error)
            if not any(mark in message for mark in _MARKS):
                raise
        finally:
            put_back(before)
        phase, module, site = place
        recorder = self._recorder
        recorder.writer.add_alert(
            at=recorder.moment(phase, site),
            op=info.name,
            module=module,
            message=_first_sentence(message),
        )
        return call_op(func, args, kwargs)


def _first_sentence(message: str) -> str:
    return message.split(". ")[0].split("\n")[0][:300]
