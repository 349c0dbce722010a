"""Repeating one op on its own inputs: as it is, under contention, and with the determinism flag."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.record.digest.tensors import Digest, digest, raw_bytes
from reproaudit.record.operation.alerts import is_built_in
from reproaudit.record.operation.device_load import DeviceLoad
from reproaudit.record.operation.operands import tensors_written
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.state import flags, rng
from reproaudit.record.state.process_state import ProcessState
from reproaudit.record.torch_private import get_num_threads, set_num_threads, storage_key
from reproaudit.trace.words import ReplayWay

_clock = time.perf_counter
_REPEATS = 20
_MOST_S = 2.0  # per way of repeating; an op that takes longer is repeated less often
_OVERSUBSCRIPTION = 4  # threads per core under contention


Raw = tuple[str, tuple[int, ...], bytes]


@dataclass(frozen=True, slots=True)
class Repetitions:
    """What repeating an op in one way showed.

    `made` is 0 if the op refused to run that way, or there is no such way for it. `other` holds the
    outputs of the first repetition that differed. `agree`: they all gave the same, whether it is
    what the call itself gave or not.
    """

    way: ReplayWay
    made: int
    differing: int
    agree: bool = True
    other: tuple[Raw | None, ...] = ()


class Rerun:
    """One call with its inputs as they were before the op ran.

    Made before the op runs, which may overwrite them.
    """

    def __init__(self, func: Any, args: Any, kwargs: Any, info: OpInfo) -> None:
        self._func = func
        self._args = args
        self._kwargs = kwargs
        self._info = info
        # An op of an extension may draw from a stream that no tag of it tells. Of others the
        # streams are left alone: another thread may draw meanwhile.
        self._streams = None if is_built_in(info) else ProcessState.capture()
        # Copies of whole storages, by their key: inputs may be views of what is overwritten.
        self._pristine: dict[int, torch.UntypedStorage] = {}
        mutated = [args[position] for position in info.mutated if position < len(args)]
        mutated += [kwargs[name] for name in info.mutated_names if name in kwargs]
        for value in mutated:
            items = value if isinstance(value, (list, tuple)) else (value,)
            for item in items:
                if isinstance(item, torch.Tensor):
                    storage = item.untyped_storage()
                    key = storage_key(storage)
                    self._pristine.setdefault(key, storage.clone())

    def call(self) -> list[torch.Tensor]:
        """Make the call on fresh copies of what it overwrites; return what it wrote."""
        fresh = {key: storage.clone() for key, storage in self._pristine.items()}

        def with_fresh(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                if not fresh:
                    return value
                return _on_storage(value, fresh)
            kind = type(value)
            if kind in (list, tuple):
                return kind(map(with_fresh, value))
            return value

        args = [with_fresh(value) for value in self._args]
        kwargs = {name: with_fresh(value) for name, value in self._kwargs.items()}
        if self._streams is not None:
            self._streams.restore_streams()
        result = self._func(*args, **kwargs)
        return tensors_written(self._info, args, kwargs, result)

    def repeat_all_ways(self, first: list[torch.Tensor]) -> list[Repetitions]:
        """Repeat the call until the evidence is there, each time with the streams as it found them.

        `first` is what the program's own call wrote.
        """
        if self._streams is None:
            return self._repeat_all_ways(first)
        after = ProcessState.capture()
        try:
            return self._repeat_all_ways(first)
        finally:
            after.restore_streams()

    def _repeat_all_ways(self, first: list[torch.Tensor]) -> list[Repetitions]:
        wanted = [digest(tensor) for tensor in first]
        found = [self._repeat(ReplayWay.PLAIN, wanted)]
        if not found[0].differing:
            device = device_of_call([*first, *self._args, *self._kwargs.values()])
            found.append(self._repeat_under_contention(device))
        if found[-1].differing and not flags.is_on():
            under_flag = self._repeat_with_flag()
            if under_flag is not None:
                found.append(under_flag)
        return found

    def _repeat(
        self, way: ReplayWay, wanted: list[Digest | None], load: DeviceLoad | None = None
    ) -> Repetitions:
        made = 0
        differing = 0
        other: tuple[Raw | None, ...] = ()
        results: set[tuple[Digest | None, ...]] = set()
        end = _clock() + _MOST_S
        while made < _REPEATS and (made < 2 or _clock() < end):
            if load is not None:
                load.queue()
            again = self.call()
            made += 1
            given = [digest(tensor) for tensor in again]
            results.add(tuple(given))
            if given != wanted:
                differing += 1
                if not other:
                    other = tuple(raw_bytes(tensor) for tensor in again)
        return Repetitions(way, made, differing, agree=len(results) < 2, other=other)

    def _repeat_under_contention(self, device: torch.device | None) -> Repetitions:
        if device is not None:
            return self._repeat_beside_load(device)
        before = get_num_threads()
        if before == 1:
            # A program that computes with one thread is not blamed for what two would do.
            return Repetitions(ReplayWay.CONTENTION, 0, 0)
        cores = os.cpu_count() or 1
        set_num_threads(_OVERSUBSCRIPTION * cores)
        try:
            wanted = [digest(tensor) for tensor in self.call()]
            return self._repeat(ReplayWay.CONTENTION, wanted)
        finally:
            set_num_threads(before)

    def _repeat_beside_load(self, device: torch.device) -> Repetitions:
        start = _clock()
        # The digests wait for the device, so that the time is that of the op.
        wanted = [digest(tensor) for tensor in self.call()]
        try:
            load = DeviceLoad(device)
        except torch.cuda.OutOfMemoryError:  # the program has it all: nothing can run beside it
            return Repetitions(ReplayWay.CONTENTION, 0, 0)
        with load:
            load.last((_clock() - start) * 1000)
            return self._repeat(ReplayWay.CONTENTION, wanted, load)

    def _repeat_with_flag(self) -> Repetitions | None:
        """Repeat with the flag; None if that says nothing: cuBLAS asks for a setting of its own."""
        try:
            with flags.strict():
                wanted = [digest(tensor) for tensor in self.call()]
                return self._repeat(ReplayWay.FLAG, wanted)
        except torch.cuda.OutOfMemoryError:  # deterministic forms take more memory
            return None
        except RuntimeError as error:
            if "CUBLAS_WORKSPACE_CONFIG" in str(error):
                return None
            # The op ran without the flag, so it has no deterministic form: that is an answer.
            return Repetitions(ReplayWay.FLAG, 0, 0)


def _on_storage(tensor: torch.Tensor, fresh: dict[int, torch.UntypedStorage]) -> torch.Tensor:
    storage = fresh.get(storage_key(tensor.untyped_storage()))
    if storage is None:
        return tensor
    view = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return view.set_(storage, tensor.storage_offset(), tensor.size(), tensor.stride())


def device_of_call(values: Iterable[Any]) -> torch.device | None:
    """Return the GPU that a call runs on, by its outputs and arguments; None for the CPU."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.is_cuda:
            return value.device
    return None


def can_rerun(info: OpInfo, args: Any, kwargs: Any) -> bool:
    """Return True for an op that draws nothing, makes no view, and reads only plain memory.

    False while a CUDA graph is captured: the repetitions would become part of it.
    """
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
    has_plain_memory = value.layout is torch.strided and not value.is_quantized
    return has_plain_memory and value.device.type in ("cpu", "cuda")
