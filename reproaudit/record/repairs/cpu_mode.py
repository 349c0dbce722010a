"""The dispatch mode that has the CPU compute what has no deterministic form on the GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.operation.opinfo import OpInfo, OpTable
from reproaudit.record.state import flags
from reproaudit.record.torch_private import get_num_threads, set_num_threads

_Tensor = torch.Tensor
# in the message of the error: "... does not have a deterministic implementation"
_REFUSAL = "deterministic"


def is_on_gpu(tensor: torch.Tensor) -> bool:
    return tensor.is_cuda


class RefusedOnCpu(GuestMode):
    """Tries each operator on the device under the flag that raises, else runs it on copies.

    A kernel refuses before it writes anything. `moves` returns True for tensors on the device.
    """

    def __init__(self, moves: Callable[[torch.Tensor], bool] = is_on_gpu) -> None:
        super().__init__()
        self._moves = moves
        self._table = OpTable()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = self._device((*args, *kwargs.values()))
        if device is None:
            return call_op(func, args, kwargs)
        before = flags.set_strict()
        try:
            return call_op(func, args, kwargs)
        except RuntimeError as error:
            if _REFUSAL not in str(error):
                raise
        finally:
            flags.put_back(before)
        return self.run_on_cpu(func, args, kwargs, device)

    def _device(self, values: Any) -> torch.device | None:
        """Return where the first tensor lies that is to be moved."""
        for value in values:
            if isinstance(value, _Tensor):
                if self._moves(value):
                    return value.device
            elif isinstance(value, (list, tuple)):
                found = self._device(value)
                if found is not None:
                    return found
        return None

    def run_on_cpu(self, func: Any, args: Any, kwargs: Any, device: torch.device) -> Any:
        # By the id of the tensor: it, and its copy. A tensor that is given twice gets one copy, so
        # that what is written through one argument is read through the other.
        copies: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def copy_to_cpu(value: Any) -> Any:
            if isinstance(value, _Tensor):
                if id(value) not in copies:
                    made = value.detach().to("cpu", copy=True)
                    copies[id(value)] = (value, made)
                _, copy = copies[id(value)]
                return copy
            kind = type(value)
            if kind in (list, tuple):
                return kind(map(copy_to_cpu, value))
            return value

        threads = get_num_threads()
        before = flags.set_off()  # the same operator may refuse on the CPU, too
        set_num_threads(1)
        try:
            named = {name: copy_to_cpu(value) for name, value in kwargs.items()}
            result = func(*map(copy_to_cpu, args), **named)
        finally:
            set_num_threads(threads)
            flags.put_back(before)
        originals = {id(copy): original for original, copy in copies.values()}
        info = self._table[func]
        for tensor in _find_outputs(info, args, kwargs):
            _, copy = copies[id(tensor)]
            tensor.copy_(copy)

        def put_back(value: Any) -> Any:
            if isinstance(value, _Tensor):
                # An operator that works in place returns its argument itself.
                if id(value) in originals:
                    return originals[id(value)]
                return value.to(device)
            kind = type(value)
            if kind in (list, tuple):
                return kind(map(put_back, value))
            return value

        return put_back(result)


def _find_outputs(info: OpInfo, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """Return the arguments that the operator writes."""
    values: list[Any] = []
    for position in sorted(info.mutated):
        if position < len(args):
            values.append(args[position])
    for name in sorted(info.mutated_names):
        if name in kwargs:
            values.append(kwargs[name])
    tensors: list[torch.Tensor] = []
    for value in values:
        items = value if isinstance(value, (list, tuple)) else (value,)
        for item in items:
            if isinstance(item, _Tensor):
                tensors.append(item)
    return tensors
