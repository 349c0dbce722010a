"""Repeating one op on its own inputs: as it is, under contention, and with the determinism flag."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch

from reproaudit.record.digest.tensors import Digest, digest, raw_bytes
from reproaudit.record.operation.device_load import DeviceLoad
from reproaudit.record.operation.operands import tensors_written
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.state import flags, rng
from reproaudit.record.torch_private import get_num_threads, set_num_threads, storage_key

_clock = time.perf_counter
_REPEATS = 20
_MOST_S = 2.0  # per way of repeating; an op that takes longer is repeated less often
_OVERSUBSCRIPTION = 4  # threads per core under contention


Raw = tuple[str, tuple[int, ...], bytes]


class Way(IntEnum):
    """How the op was repeated. CONTENTION compares repetitions among themselves: on the CPU at more
    threads than cores, on a GPU while another stream keeps it busy."""

    PLAIN = 0
    CONTENTION = 1
    FLAG = 2


@dataclass(frozen=True, slots=True)
class Repetitions:
    """`made` 0: the op refused to run that way, or there is no such way for it. `other` holds the
    outputs of the first one that differed."""

    way: Way
    made: int
    differing: int
    other: tuple[Raw | None, ...] = ()


class Rerun:
    """One call with its inputs as they were before the op ran, whatever it overwrote. Made before
    the op runs."""

    def __init__(self, func: Any, args: Any, kwargs: Any, info: OpInfo) -> None:
        self._func, self._args, self._kwargs, self._info = func, args, kwargs, info
        self._pristine: dict[int, torch.UntypedStorage] = {}
        mutated = [args[position] for position in info.mutated if position < len(args)]
        mutated += [kwargs[name] for name in info.mutated_names if name in kwargs]
        for value in mutated:
            for tensor in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(tensor, torch.Tensor):
                    storage = tensor.untyped_storage()
                    self._pristine.setdefault(storage_key(storage), storage.clone())

    def call(self) -> list[torch.Tensor]:
        """Make the call on fresh copies of what it overwrites; return what it wrote."""
        fresh = {key: storage.clone() for key, storage in self._pristine.items()}

        def given(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return _on_storage(value, fresh) if fresh else value
            return type(value)(map(given, value)) if type(value) in (list, tuple) else value

        args, kwargs = (
            [given(value) for value in self._args],
            {k: given(v) for k, v in self._kwargs.items()},
        )
        return tensors_written(self._info, args, kwargs, self._func(*args, **kwargs))

    def all_ways(self, first: list[torch.Tensor]) -> list[Repetitions]:
        """Repeat the call until the evidence is there; `first` is what the program's own call
        wrote."""
        wanted = [digest(tensor) for tensor in first]
        found = [self._repeat(Way.PLAIN, wanted)]
        if not found[0].differing:
            found.append(self._under_contention(_device_of(first, self._args, self._kwargs)))
        if found[-1].differing and not flags.is_on():
            with_flag = self._with_flag()
            if with_flag is not None:
                found.append(with_flag)
        return found

    def _repeat(
        self, way: Way, wanted: list[Digest | None], load: DeviceLoad | None = None
    ) -> Repetitions:
        made, differing, other, end = 0, 0, (), _clock() + _MOST_S
        while made < _REPEATS and (made < 2 or _clock() < end):
            if load is not None:
                load.queue()
            again = self.call()
            made += 1
            if [digest(tensor) for tensor in again] != wanted:
                differing += 1
                other = other or tuple(raw_bytes(tensor) for tensor in again)  # type: ignore[assignment]
        return Repetitions(way, made, differing, other)

    def _under_contention(self, device: torch.device | None) -> Repetitions:
        if device is not None:
            return self._beside_load(device)
        before = get_num_threads()
        if (
            before == 1
        ):  # a program that computes with one thread is not to be blamed for what two would do
            return Repetitions(Way.CONTENTION, 0, 0)
        set_num_threads(_OVERSUBSCRIPTION * (os.cpu_count() or 1))
        try:
            return self._repeat(Way.CONTENTION, [digest(tensor) for tensor in self.call()])
        finally:
            set_num_threads(before)

    def _beside_load(self, device: torch.device) -> Repetitions:
        start = _clock()
        wanted = [digest(tensor) for tensor in self.call()]  # which waits for the device
        try:
            load = DeviceLoad(device)
        except torch.cuda.OutOfMemoryError:  # the program has it all: nothing can run beside it
            return Repetitions(Way.CONTENTION, 0, 0)
        with load:
            load.last((_clock() - start) * 1000)
            return self._repeat(Way.CONTENTION, wanted, load)

    def _with_flag(self) -> Repetitions | None:
        """Repeat with the flag; None if that says nothing of it: cuBLAS asks for a setting of its
        own."""
        try:
            with flags.strict():
                return self._repeat(Way.FLAG, [digest(tensor) for tensor in self.call()])
        except torch.cuda.OutOfMemoryError:  # deterministic forms take more memory
            return None
        except (
            RuntimeError
        ) as error:  # the op, which ran without the flag, has no deterministic form: an answer
            return None if "CUBLAS_WORKSPACE_CONFIG" in str(error) else Repetitions(Way.FLAG, 0, 0)


def _on_storage(tensor: torch.Tensor, fresh: dict[int, torch.UntypedStorage]) -> torch.Tensor:
    storage = fresh.get(storage_key(tensor.untyped_storage()))
    if storage is None:
        return tensor
    view = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return view.set_(storage, tensor.storage_offset(), tensor.size(), tensor.stride())


def _device_of(first: list[torch.Tensor], args: Any, kwargs: Any) -> torch.device | None:
    """Return the GPU that the call runs on; None for the CPU."""
    values = (value for given in (first, args, kwargs.values()) for value in given)
    return next(
        (value.device for value in values if isinstance(value, torch.Tensor) and value.is_cuda),
        None,
    )


def can_rerun(info: OpInfo, args: Any, kwargs: Any) -> bool:
    """True for an op that draws nothing, makes no view, and reads nothing but plain memory. Not
    while a CUDA graph is captured: the repetitions would become part of it."""
    if info.is_random or info.is_view or info.is_undefined:
        return False
    if rng.is_capturing():
        return False
    return all(_is_plain(value) for value in (*args, *kwargs.values()))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if not isinstance(value, torch.Tensor):
        return not isinstance(value, torch.Generator)
    return (
        value.layout is torch.strided
        and value.device.type in ("cpu", "cuda")
        and not value.is_quantized
    )
