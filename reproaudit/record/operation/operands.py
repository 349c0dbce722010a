"""Which tensors of a call an op reads, and which it writes."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.record.operation.opinfo import OpInfo

_Tensor = torch.Tensor


def _add(into: list[torch.Tensor], value: Any) -> None:
    if isinstance(value, _Tensor):
        into.append(value)
    elif type(value) in (list, tuple):
        for item in value:
            if isinstance(item, _Tensor):
                into.append(item)


def tensors_read(info: OpInfo, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """Return the tensors whose content the op reads, in order.

    What it only overwrites is left out: a digest of it would raise false alarms.
    """
    read: list[torch.Tensor] = []
    write_only = info.write_only
    for position, value in enumerate(args):
        if isinstance(value, _Tensor):
            if position not in write_only:
                read.append(value)
        elif type(value) in (list, tuple) and position not in write_only:
            _add(read, value)
    if kwargs:
        for name, value in kwargs.items():
            if name not in info.write_only_names:
                _add(read, value)
    return read


def tensors_written(info: OpInfo, args: Any, kwargs: Any, result: Any) -> list[torch.Tensor]:
    """Return the outputs and the mutated inputs, each once, in a fixed order."""
    if not info.mutated and isinstance(result, _Tensor):
        return [result]
    written: list[torch.Tensor] = []
    if info.workspace and type(result) is tuple:
        for index, value in enumerate(result):
            if index not in info.workspace:
                _add(written, value)
    else:
        _add(written, result)
    if info.mutated:
        for position in info.mutated:
            if position < len(args):
                value = args[position]
                if value is not result:
                    _add(written, value)
        for name in info.mutated_names:
            value = kwargs.get(name)
            # An op returns what was given to it as out=, alone or among several.
            if value is not result and not any(value is item for item in written):
                _add(written, value)
    return written
