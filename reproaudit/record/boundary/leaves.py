"""What a program leaves in its modules: parameters and buffers when they die, or when it ends."""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import optimizer as _optimizer

from reproaudit.model.events import EventFlag, EventKind, Level, Phase
from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.digest.tensors import describe, digest
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.modules import ModuleState, state_of, walk_modules
from reproaudit.trace.event_calls import Moment

_getpid = os.getpid
_MOST_WATCHED = 100_000  # modules; each costs a few hundred bytes

Digest = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Read:
    """A tensor that was read when the trace could not be written to."""

    name: str
    tensor: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class _Held:
    """Where the tensors of one module or optimizer are, and a reference that tells of its death.

    When the reference's callback runs, the object is gone and these dicts are not yet: that they
    are held here keeps nothing alive for longer than the object itself.
    """

    reference: weakref.ref[Any]
    prefix: str
    state: ModuleState


class Leaves:
    """Reads the modules that were called, and the parameters of the optimizers that stepped."""

    def __init__(self, recorder: Recorder, boundaries: Boundaries, patches: Patches) -> None:
        self._recorder = recorder
        self._boundaries = boundaries
        self._patches = patches
        self._names = boundaries.names
        self._held: dict[int, _Held] = {}
        self._optimizers: dict[int, weakref.ref[Any]] = {}
        self._groups: dict[int, list[Any]] = {}
        self._paths: set[str] = set()
        self._waiting: list[_Read] = []
        self._pid = _getpid()
        self._has_ended = False

    def install(self) -> None:
        self._names.on_root.append(self._watch_module)
        handle = _optimizer.register_optimizer_step_post_hook(self._after_step)
        self._patches.on_undo(handle.remove)
        self._recorder.on_end.append(self._end)

    # -- what is watched

    def _watch_module(self, root: torch.nn.Module, label: str) -> None:
        self._start_in_fork()
        if self._has_ended:
            return
        for path, module in walk_modules(root):
            known = self._held.get(id(module))
            if known is not None and known.reference() is module:
                continue
            if len(self._held) >= _MOST_WATCHED:
                return
            found = state_of(module)
            if found is None:
                continue
            key = id(module)
            reference = weakref.ref(module, functools.partial(self._on_death, key))
            self._held[key] = _Held(reference, self._make_prefix(path, label), found)

    def _make_prefix(self, path: str, label: str) -> str:
        """Return what goes before the names of a module's tensors; a path that is taken has the
        label of its root as well."""
        parts = [path] if path else []
        if path in self._paths:
            parts.insert(0, label)
        self._paths.add(path)
        return "".join(f"{part}." for part in parts)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        key = id(optimizer)
        known = self._optimizers.get(key)
        if known is not None and known() is optimizer:
            return
        self._start_in_fork()
        if self._has_ended or not self._recorder.active or self._recorder.state.inside:
            return
        # A class of the program may compute them, and fail.
        with Guest(self._recorder, "some parameters as the program left them"):
            self._groups[key] = optimizer.param_groups
            self._optimizers[key] = weakref.ref(
                optimizer, functools.partial(self._on_optimizer_death, key)
            )

    def _start_in_fork(self) -> None:
        """Forget in a forked child what its parent called: that is the parent's to leave."""
        if _getpid() == self._pid:
            return
        self._pid = _getpid()
        self._held = {}
        self._optimizers = {}
        self._groups = {}
        self._waiting = []

    # -- reading

    def _on_death(self, key: int, reference: weakref.ref[Any]) -> None:
        held = self._held.get(key)
        # The id of a module that died may be another's by now.
        if held is None or held.reference is not reference:
            return
        del self._held[key]
        if self._is_on():
            self._read_all(self._list_tensors(held))

    def _on_optimizer_death(self, key: int, reference: weakref.ref[Any]) -> None:
        if self._optimizers.get(key) is not reference:
            return
        del self._optimizers[key]
        groups = self._groups.pop(key)
        if self._is_on():
            self._read_all(self._list_group_tensors(groups))

    def _is_on(self) -> bool:
        is_over = self._has_ended or self._recorder.is_complete
        return not is_over and _getpid() == self._pid

    def _end(self) -> None:
        """Read what is alive when the program ends."""
        if not self._is_on():
            return
        for held in list(self._held.values()):
            self._read_all(self._list_tensors(held))
        for groups in list(self._groups.values()):
            self._read_all(self._list_group_tensors(groups))
        self._has_ended = True
        self._held = {}
        self._optimizers = {}
        self._groups = {}
        self._write_waiting()

    def _list_tensors(self, held: _Held) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the tensors of a module's state. A shared one belongs to its first module."""
        for key, tensor in held.state.parameters.items():
            if tensor is None:
                continue
            name = self._names.parameter(tensor)
            if name is None:
                name = f"{held.prefix}{key}"
            yield name, tensor
        for key, tensor in held.state.buffers.items():
            if tensor is not None and key not in held.state.transient:
                yield f"{held.prefix}{key}", tensor

    def _list_group_tensors(self, groups: list[Any]) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the parameters that no called module owns."""
        for number, group in enumerate(groups):
            for index, parameter in enumerate(group["params"]):
                if self._names.parameter(parameter) is None:
                    yield f"group{number}[{index}]", parameter

    def _read_all(self, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
        recorder = self._recorder
        state = recorder.state
        # A module may die at any allocation, also while the recorder is writing. Then what was read
        # is written later.
        can_write = recorder.plan.level is Level.BOUNDARY and not state.inside
        with Guest(recorder, "some parameters and buffers as the program left them"):
            for name, tensor in tensors:
                self._read(name, tensor, can_write=can_write)

    def _read(self, name: str, tensor: torch.Tensor, *, can_write: bool) -> None:
        found: Digest | None = None
        # Waiting for a device would end the capture.
        if not (tensor.is_cuda and rng.is_capturing()):
            # Not `DeviceDigests`: its digests are others, and it may be in the middle of one.
            found = digest(tensor)
        read = _Read(name, describe(tensor), found)
        if can_write:
            event = self._write(read)
            self._boundaries.values.keep(event, EventKind.FINAL, name, tensor)
        else:
            self._waiting.append(read)

    def _write(self, read: _Read) -> int:
        flags = EventFlag(0)
        value = read.digest
        if value is None:
            flags = EventFlag.UNDIGESTED
            value = (0, 0)
        return self._recorder.writer.add_tensor(
            EventKind.FINAL,
            # In which thread an object dies is chance.
            at=Moment(Phase.OPTIMIZER, self._recorder.step),
            flags=flags,
            name=read.name,
            tensor=read.tensor,
            digest=value,
        )

    def _write_waiting(self) -> None:
        waiting = self._waiting
        self._waiting = []
        for read in waiting:
            self._write(read)
