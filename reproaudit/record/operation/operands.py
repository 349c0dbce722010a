"""What a call gives an op: the tensors it reads and writes, its generator, its other arguments."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.record.operation.message_ops import list_sent
from reproaudit.record.operation.opinfo import OpInfo

_Tensor = torch.Tensor
# Of most arguments the type alone says that they are no tensors; `isinstance` asks torch for it.
NO_TENSORS = frozenset((bool, int, float, str, type(None), torch.dtype, torch.device, torch.layout))


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
    if info.message is not None:
        return list_sent(info.message, args)
    read: list[torch.Tensor] = []
    write_only = info.write_only
    for position, value in enumerate(args):
        if type(value) in NO_TENSORS:
            continue
        if isinstance(value, _Tensor):
            if position not in write_only:
                read.append(value)
        elif type(value) in (list, tuple) and position not in write_only:
            _add(read, value)
    if kwargs:
        for name, value in kwargs.items():
            if name not in info.write_only_names:
                _add(read, value)
        if info.scales_addend and not kwargs.get("beta", 1) and args:
            del read[0]
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


def find_generator(info: OpInfo, args: Any, kwargs: Any) -> tuple[torch.Generator | None, bool]:
    """Return the generator that the op will draw from, and whether it was given to the op.

    Else it is the default one of the op's device; None for that of the CPU.
    """
    explicit = kwargs.get("generator")
    if explicit is None and info.generator is not None and info.generator < len(args):
        explicit = args[info.generator]
    if explicit is not None:
        return explicit, True
    for value in (*args, kwargs.get("device")):
        if isinstance(value, _Tensor):
            device = value.device
        elif isinstance(value, torch.device):
            device = value
        else:
            continue
        if device.type == "cuda":
            index = device.index if device.index is not None else torch.cuda.current_device()
            return torch.cuda.default_generators[index], False
    return None, False


def stand_in(value: Any) -> Any:
    """Return what stands for a scalar argument: hashable, and without addresses.

    Tensors are digested elsewhere.
    """
    kind = type(value)
    if kind is float:
        return value.hex()  # 1.0 is not 1, and 0.0 is not -0.0, though they are equal
    if kind is int or kind is str or value is None:
        return value
    if kind is bool:
        return str(value)
    if kind in (list, tuple):
        return tuple([stand_in(item) for item in value])
    if isinstance(value, _Tensor):
        return "tensor"
    if kind in (torch.dtype, torch.device, torch.layout, torch.memory_format, complex):
        return str(value)
    return kind.__name__


def describe_form(value: Any) -> Any:
    """Return the shape and dtype of a tensor that is filled, or is only a pattern for another."""
    if not isinstance(value, _Tensor) or value.is_nested:
        return None
    return tuple(value.shape), str(value.dtype)
