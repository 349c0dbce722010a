"""The operation level: every dispatched operator with its input and output digests, phase, module
and user line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
import xxhash

from reproaudit.model.events import EventFlag, EventKind, Phase
from reproaudit.record.digest.gather import DeviceDigests, Part
from reproaudit.record.digest.stored import digest_operands
from reproaudit.record.digest.tensors import combine
from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.births import Births
from reproaudit.record.operation.chosen import ChosenCalls
from reproaudit.record.operation.operands import tensors_read, tensors_written
from reproaudit.record.operation.opinfo import OpInfo, OpTable
from reproaudit.record.operation.undefined import UndefinedMemory
from reproaudit.record.session import Recorder, ThreadState
from reproaudit.record.state import rng
from reproaudit.record.torch_private import (
    current_autograd_node,
    next_sequence_number,
    sequence_number_of,
)

_Tensor = torch.Tensor
_xxh64 = xxhash.xxh3_64_intdigest
# Plain numbers: an operation on enum members costs more than all the digests of a small op.
_OP = int(EventKind.OP)
_FORWARD, _BACKWARD, _DATA = int(Phase.FORWARD), int(Phase.BACKWARD), int(Phase.DATA)
_VIEW, _UNDEFINED, _BIRTH = int(EventFlag.VIEW), int(EventFlag.UNDEFINED), int(EventFlag.BIRTH)
_READS_UNDEFINED, _OUTSIDE_WRITE = int(EventFlag.READS_UNDEFINED), int(EventFlag.OUTSIDE_WRITE)
_RANDOM, _OWN_GENERATOR, _RAISED = (
    int(EventFlag.RANDOM),
    int(EventFlag.OWN_GENERATOR),
    int(EventFlag.RAISED),
)
_UNDIGESTED = int(EventFlag.UNDIGESTED)
_WRITES_NOTHING_KNOWN = _VIEW | _UNDEFINED
_MOST_TENSORS = 0xFFFF  # that an event can count
_LEAF = (1 << 64) - 1  # the sequence number of AccumulateGrad nodes
_MAX_SCALARS = 20_000  # cached digests of scalar arguments before the cache is emptied
_MAX_ORIGINS = 500_000  # forward ops of one step remembered to name the line of their backward


class Operations(GuestMode):
    """Sees forward, backward and optimizer ops of the thread that entered it. One instance serves
    all threads."""

    def __init__(
        self, recorder: Recorder, devices: DeviceDigests, chosen: ChosenCalls | None
    ) -> None:
        super().__init__()
        self.recorder = recorder
        self.devices = devices
        self._digests = recorder.plan.digests
        self._chosen = chosen
        self._table = OpTable()
        self._names: dict[str, int] = {}  # ids of the names of ops and modules
        self._main = recorder.state
        self._scalars: dict[Any, tuple[int, int]] = {}
        self._undefined = UndefinedMemory()
        self._births = Births()
        self._on_device = False
        self.alerts: Callable[..., Any] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.recorder
        state = recorder.of_thread.state
        if state.inside or not recorder.active:
            return func(*args, **kwargs)
        info = self._table[func]
        if info.is_silent:
            return func(*args, **kwargs)
        state.inside = True
        try:
            return self._record(func, info, args, kwargs, state)
        finally:
            state.inside = False

    def _record(self, func: Any, info: OpInfo, args: Any, kwargs: Any, state: ThreadState) -> Any:
        phase, module, site = self._where(args, state)
        if self.alerts is not None:
            return self.alerts(func, info, args, kwargs, phase, module, site)
        flags, aux, inputs = (
            (_VIEW, 0, []) if info.is_view else self._look_at_inputs(info, args, kwargs)
        )
        chosen = self._chosen.match(info, site, phase) if self._chosen is not None else None
        if chosen is not None:
            chosen.before(func, args, kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException:
            self._emit(info, phase, module, site, flags | _RAISED, aux, inputs, [])
            raise
        written: list[torch.Tensor] = []
        if info.is_undefined:
            flags |= _UNDEFINED
        elif not flags & _WRITES_NOTHING_KNOWN:
            written = tensors_written(info, args, kwargs, result)
            if info.is_birth:
                flags |= _BIRTH
        if chosen is not None:
            chosen.after(result, written)
        outputs: list[Part] = []
        if written:
            if self._undefined.is_following:
                self._undefined.subtract(written)
            if self._births.followed:
                self._births.end(written)
            outputs = self._digest_all(written)
        event = self._emit(info, phase, module, site, flags, aux, inputs, outputs)
        if flags & _UNDEFINED or info.workspace or info.scratch:
            self._follow_memory(info, args, result, event, flags, aux)
        if flags & _BIRTH:
            self._births.add(written, outputs, event)
        if chosen is not None:
            chosen.recorded(event)
        return result

    def _follow_memory(
        self, info: OpInfo, args: Any, result: Any, event: int, flags: int, aux: int
    ) -> None:
        """Note which memory the op left undefined."""
        if info.is_undefined:
            self._undefined.add_allocation(result, event)
        elif flags & _UNDEFINED:
            self._undefined.add_copy(result, aux)
        elif info.workspace and isinstance(result, tuple):
            self._undefined.add_workspaces(
                result[index] for index in info.workspace if index < len(result)
            )
        elif info.scratch:
            self._undefined.add_workspaces(
                args[position] for position in info.scratch if position < len(args)
            )

    def _look_at_inputs(self, info: OpInfo, args: Any, kwargs: Any) -> tuple[int, int, list[Part]]:
        """Return the flags, `aux` and digests that describe what the op is about to read."""
        flags, aux = 0, 0
        read = tensors_read(info, args, kwargs)
        undefined = self._undefined.find_undefined(read) if self._undefined.is_following else None
        if undefined is not None:
            if (
                info.is_copy
            ):  # it passes undefined bytes on; whoever computes with the copy is the reader
                return _UNDEFINED, undefined, []
            flags, aux = _READS_UNDEFINED, undefined
        inputs = self._digest_all(read) if read else []
        if (
            self._births.followed
            and not flags
            and (born := self._births.find_changed(read, inputs)) is not None
        ):
            flags, aux = _OUTSIDE_WRITE, born
        if kwargs or len(read) != len(args):
            inputs.append(self._scalar_digest(args, kwargs))
        if info.is_random:
            generator, is_own = _generator(info, args, kwargs)
            flags |= _RANDOM | (_OWN_GENERATOR if is_own else 0)
            aux = rng.generator_state64(generator)
        return flags, aux, inputs

    def _emit(
        self,
        info: OpInfo,
        phase: int,
        module: int,
        site: int,
        flags: int,
        aux: int,
        inputs: list[Part],
        outputs: list[Part],
    ) -> int:
        recorder = self.recorder
        name = self._names.get(info.name)
        if name is None:
            name = self._name(info.name)
        count, thread = len(outputs), recorder.thread()
        if count > _MOST_TENSORS:
            count = _MOST_TENSORS
        if self._on_device:
            state = recorder.of_thread.state
            is_complete, state.is_undigested = not state.is_undigested, False
            if not all(type(part) is tuple for part in (*inputs, *outputs)):
                event = recorder.writer.add(
                    _OP,
                    phase,
                    flags,
                    recorder.step,
                    name,
                    module,
                    site,
                    thread,
                    count,
                    aux,
                    0,
                    0,
                    0,
                    0,
                )
                self.devices.defer(event, inputs, outputs, is_complete=is_complete)
                return event
            flags |= 0 if is_complete else _UNDIGESTED
        low, high = combine(inputs)  # type: ignore[arg-type]
        return recorder.writer.add(
            _OP,
            phase,
            flags,
            recorder.step,
            name,
            module,
            site,
            thread,
            count,
            aux,
            low,
            high,
            *combine(outputs),  # type: ignore[arg-type]
        )

    def _name(self, name: str) -> int:
        found = self._names[name] = self.recorder.writer.string(name)
        return found

    def _where(self, args: Any, state: ThreadState) -> tuple[int, int, int]:
        """Return phase, module id and location id; for a backward op, those of the forward op that
        made its node."""
        node = current_autograd_node()
        if node is not None:
            sequence = sequence_number_of(node)
            if sequence != _LEAF:
                # A backward pass on a device thread finds nothing of its own: its nodes were made
                # in the main thread.
                origin = state.origin(sequence) or self._main.origin(sequence)
                if origin is not None:
                    return _BACKWARD, origin[0], origin[1]
            return _BACKWARD, 0, self.recorder.sites.here(4)
        site = self.recorder.sites.here(4)
        module = 0
        if state.modules:
            path = state.modules[-1]
            module = self._names.get(path) or self._name(path)
        if len(state.origins) > _MAX_ORIGINS:
            state.turn(_MAX_ORIGINS)
        # The first op that sees the number made the node; ops without a gradient see it too, until
        # the next node.
        state.origins.setdefault(next_sequence_number() - 1, (module, site))
        if state.phase is not None:
            return state.phase, module, site
        if state.modules:
            return _FORWARD, module, site
        for argument in args:
            if isinstance(argument, _Tensor) and argument.requires_grad:
                return _FORWARD, module, site
        return _DATA, module, site

    def _digest_all(self, tensors: list[torch.Tensor]) -> list[Part]:
        if not self._digests:
            return []
        if self._undefined.workspaces:
            tensors = [tensor for tensor in tensors if not self._undefined.is_workspace(tensor)]
        return digest_operands(tensors, self._later)

    def _later(self, tensor: torch.Tensor) -> Part | None:
        self._on_device = True
        part = self.devices.later(tensor)
        if part is None and not tensor.is_meta:
            self.recorder.of_thread.state.is_undigested = True
        return part

    def _scalar_digest(self, args: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        """Digest the arguments that are no tensors: a learning rate that differs is an input that
        differs."""
        scalars = tuple([_plain(value) for value in args if not isinstance(value, _Tensor)])
        key = (
            scalars,
            tuple([(name, _plain(value)) for name, value in kwargs.items()]) if kwargs else (),
        )
        try:
            found = self._scalars.get(key)
        except TypeError:  # an argument that cannot be hashed
            return _xxh64(repr(key).encode()), 0
        if found is None:
            if len(self._scalars) > _MAX_SCALARS:
                self._scalars.clear()
            found = self._scalars[key] = (_xxh64(repr(key).encode()), 0)
        return found


def _plain(value: Any) -> Any:
    """Return a hashable, address-free stand-in for a scalar argument; tensors are digested
    elsewhere."""
    kind = type(value)
    if kind is float:
        return value.hex()  # 1.0 is not 1, and 0.0 is not -0.0, though they are equal
    if kind is int or kind is str or value is None:
        return value
    if kind is bool:
        return str(value)
    if kind in (list, tuple):
        return tuple([_plain(item) for item in value])
    if isinstance(value, _Tensor):
        return "tensor"
    if kind in (torch.dtype, torch.device, torch.layout, torch.memory_format, complex):
        return str(value)
    return kind.__name__


def _generator(info: OpInfo, args: Any, kwargs: Any) -> tuple[torch.Generator | None, bool]:
    """Return the generator the op will draw from and whether it was given: else the default one of
    its device."""
    explicit = kwargs.get("generator")
    if explicit is None and info.generator is not None and info.generator < len(args):
        explicit = args[info.generator]
    if explicit is not None:
        return explicit, True
    for value in (*args, kwargs.get("device")):
        device = (
            value.device
            if isinstance(value, _Tensor)
            else value
            if isinstance(value, torch.device)
            else None
        )
        if device is not None and device.type == "cuda":
            index = device.index if device.index is not None else torch.cuda.current_device()
            return torch.cuda.default_generators[index], False
    return None, False


class ThreadModes:
    """Enters the dispatch mode in each thread that the program starts: modes are per thread."""

    def __init__(self, mode: Operations, patches: Patches) -> None:
        original = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

        def bootstrap_inner(thread: threading.Thread) -> None:
            with mode:
                original(thread)

        patches.replace(threading.Thread, "_bootstrap_inner", bootstrap_inner)
