"""The values of every operator's floating-point outputs, for comparing one device with another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from reproaudit.model.events import Location
from reproaudit.record.digest.tensors import raw_bytes
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.callsite import FrameKinds, line_of_program
from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.operation.operands import tensors_written
from reproaudit.record.operation.opinfo import OpTable
from reproaudit.trace.values import TensorValue


@dataclass(frozen=True, slots=True)
class OpValue:
    """One call: its op, the user's line, and what it wrote. `values` None: past the budget."""

    op: str
    location: Location | None
    values: tuple[TensorValue, ...] | None


class OpValues(GuestMode):
    """Keeps the floating-point results of each op on the CPU, at most `budget_bytes` of them.

    Views are left out: they compute nothing.
    """

    def __init__(self, folder: str, budget_bytes: int) -> None:
        super().__init__()
        self.found: list[OpValue] = []
        self._folder = own_paths.realpath(folder)
        self._left = budget_bytes
        self._kinds = FrameKinds()
        self._table = OpTable()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        info = self._table[func]
        result = call_op(func, args, kwargs)
        if info.is_silent or info.is_view or info.is_undefined:
            return result
        written = []
        for tensor in tensors_written(info, args, kwargs, result):
            if tensor.is_floating_point() or tensor.is_complex():
                written.append(tensor)
        value = OpValue(
            op=info.name.removesuffix(".default"),
            location=line_of_program(self._kinds, self._folder),
            values=self._copy_values(written),
        )
        self.found.append(value)
        return result

    def _copy_values(self, tensors: list[torch.Tensor]) -> tuple[TensorValue, ...] | None:
        self._left -= sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if self._left < 0:
            return None
        kept = []
        for tensor in tensors:
            raw = raw_bytes(tensor.detach().cpu())
            if raw is not None:
                dtype, shape, data = raw
                kept.append(TensorValue(dtype, shape, np.frombuffer(data, np.uint8)))
        return tuple(kept)
