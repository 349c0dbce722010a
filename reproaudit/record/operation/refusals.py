"""Which ops of a recorded run `torch.use_deterministic_algorithms(True)` would refuse.

Each is asked on copies of what it is given, before it runs as the program has it: the run goes on
as without. Copies of all, because some ops write what their schema does not say they do, such as
the running mean of `native_batch_norm`. An op is asked once for each kind of arguments, not for
each call.

The flag is one for all threads: while one asks, another's op would be refused, or run by another
kernel. So nothing is asked any more once a second thread runs ops.
"""

from __future__ import annotations

import threading
from typing import Any

import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.hooks.callers import identity
from reproaudit.record.operation.alerts import ask_flag, is_built_in, write_alert
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.process.errors import describe_error
from reproaudit.record.session import Recorder
from reproaudit.record.state.flags import is_on

_MOST_BYTES = 256 * 1024**2  # that are copied for one question
_PLAIN = (torch.Tensor, torch.nn.Parameter)

_get_ident = threading.get_ident
_make_lock = threading.Lock


class RefusalProbe:
    """Asks the flag about ops that run without it.

    What cannot be asked without effect on the program (an op of an extension, large tensors, what
    several threads run) is noted as REFUSALS_CUT_SHORT. Processes that the program has forked are
    not asked: what they would say is read by nobody.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # By the identity of the operator, which PyTorch keeps, and the kinds of its arguments.
        self._by_kind: dict[tuple[Any, ...], str] = {}
        self._noted: set[str] = set()
        self._thread: int | None = None  # the first one that ran an op
        self._is_threaded = False
        self._asking = _make_lock()

    def look(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: tuple[int, int, int]
    ) -> None:
        """Record it if the flag refuses this call; `place` is its phase, module and location id."""
        # A lock that another thread held at the fork is never released in the child.
        if self._recorder.is_child:
            return
        if _get_ident() != self._thread and not self._is_first_thread():
            return
        if info.is_random or info.is_view or info.is_undefined or info.is_copy:
            return  # no kernel of these is refused
        kind = (identity(func), _describe(args), _describe(tuple(kwargs.values())))
        refusal = self._by_kind.get(kind)
        if refusal is None:
            if is_on():
                return  # the program's own setting rules
            with self._asking:
                if self._is_threaded:
                    return
                refusal = self._by_kind[kind] = self._ask(func, info, args, kwargs)
        if refusal:
            write_alert(self._recorder, info, place, refusal)

    def _is_first_thread(self) -> bool:
        """Return True in the first thread that runs an op; in others, once nothing is asked."""
        if self._is_threaded:
            return False
        with self._asking:
            if self._thread is None:
                self._thread = _get_ident()
                return True
            self._is_threaded = True
        self._note("the ops of several threads", "the flag is one for all of them")
        return False

    def _ask(self, func: Any, info: OpInfo, args: Any, kwargs: Any) -> str:
        if info.is_shared or info.message is not None or not is_built_in(info):
            return self._leave(info, "an op of an extension may do more than compute")
        given = _list_tensors((args, tuple(kwargs.values())))
        if any(type(tensor) not in _PLAIN for tensor in given):
            return self._leave(info, "it is given a tensor of another class")
        size = sum(tensor.numel() * tensor.element_size() for tensor in given)
        if size > _MOST_BYTES:
            return self._leave(info, f"it is given {size // 1024**2} MiB")
        try:
            copies = {id(tensor): tensor.clone() for tensor in given}
            words = {name: _put_copies(value, copies) for name, value in kwargs.items()}
            return ask_flag(func, _put_copies(tuple(args), copies), words)
        except Exception as error:
            # The program's own call may raise it as well, or not: copies share no memory.
            return self._leave(info, f"asking it failed: {describe_error(error)}")

    def _leave(self, info: OpInfo, why: str) -> str:
        if info.name not in self._noted:
            self._noted.add(info.name)
            self._note(info.name, why)
        return ""

    def _note(self, refused: str, why: str) -> None:
        what = f"whether use_deterministic_algorithms refuses {refused}"
        self._recorder.writer.note(Unchecked.REFUSALS_CUT_SHORT, what, why)


def _list_tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _list_tensors(item)]
    return []


def _put_copies(value: Any, copies: dict[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return copies.get(id(value), value)
    if isinstance(value, (list, tuple)):
        return type(value)(_put_copies(item, copies) for item in value)
    return value


def _describe(value: Any) -> Any:
    """Return what of an argument decides which kernel runs, and what that refuses."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.device.type, value.dim(), value.numel() > 0, value.layout
    if isinstance(value, (list, tuple)):
        return tuple(map(_describe, value))
    # Of a number its type: an op is asked once, not for each learning rate.
    return value if isinstance(value, (bool, str)) else type(value)
