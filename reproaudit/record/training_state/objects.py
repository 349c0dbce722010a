"""The objects that hold training state, met where they are made: none is looked for in memory."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import lr_scheduler, swa_utils

from reproaudit.record.boundary.names import Names
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import storage_key
from reproaudit.record.training_state import readings
from reproaudit.record.training_state.pieces import Named, Pieces, Reading
from reproaudit.trace.words import StateMoment

_MOST_BUFFERED = 10_000  # modules with buffers that are looked at


class StateObjects:
    """Optimizers, schedulers, scalers, averaged modules and modules with buffers, by weak
    references."""

    def __init__(self, recorder: Recorder, pieces: Pieces, names: Names, patches: Patches) -> None:
        self._recorder = recorder
        self._pieces = pieces
        self._names = names
        self._patches = patches
        self.optimizers = Named()
        self._schedulers = Named()
        self._scalers = Named()
        self._averages = Named()
        self._buffered: list[tuple[weakref.ref[Any], str]] = []

    def install(self) -> None:
        self._names.on_root.append(self._watch_module)
        # A class of the program calls the initialiser that it inherits.
        self._follow(torch.optim.Optimizer, self.optimizers, self._read_optimizer)
        for kind in _list_schedulers():
            self._follow(kind, self._schedulers, self._read_scheduler)
        self._follow(torch.amp.GradScaler, self._scalers, self._read_scaler)
        self._follow(swa_utils.AveragedModel, self._averages, self._read_average)
        self._follow_loading(torch.nn.Module, self._averages, self._read_average)

    def _follow(
        self, kind: Any, named: Named, read: Callable[[str, Any], Iterator[Reading]]
    ) -> None:
        """Name the objects of a class when they are made, and tell what they load."""
        if "__init__" in vars(kind):
            original = kind.__init__

            @functools.wraps(original)
            def __init__(item: Any, /, *args: Any, **kwargs: Any) -> None:
                original(item, *args, **kwargs)
                if self._pieces.listens():
                    named.add(item)

            self._patches.replace(kind, "__init__", __init__)
        self._follow_loading(kind, named, read)

    def _follow_loading(
        self, kind: Any, named: Named, read: Callable[[str, Any], Iterator[Reading]]
    ) -> None:
        original = vars(kind).get("load_state_dict")
        if original is None:
            return

        @functools.wraps(original)
        def load_state_dict(item: Any, /, *args: Any, **kwargs: Any) -> Any:
            result = original(item, *args, **kwargs)
            if self._pieces.listens():
                with Guest(self._recorder, "what is restored from a checkpoint"):
                    name = named.name_of(item)
                    site = self._recorder.sites.here()
                    for reading in read(name, item) if name is not None else ():
                        self._pieces.tell(reading, StateMoment.RESTORED, site=site)
            return result

        self._patches.replace(kind, "load_state_dict", load_state_dict)

    def _watch_module(self, root: torch.nn.Module, label: str) -> None:
        for prefix, module in readings.list_buffered(root, label):
            if len(self._buffered) < _MOST_BUFFERED:
                self._buffered.append((weakref.ref(module), prefix))

    # -- reading

    def read_training(self) -> Iterator[Reading]:
        """Yield what an optimizer's step reads, and what follows it: parameters, the states of
        optimizers, schedulers and scalers."""
        optimizers = list(self.optimizers)
        yield from readings.read_parameters(optimizers, self._names)
        for name, optimizer in optimizers:
            yield from self._read_optimizer(name, optimizer)
        schedulers = list(self._schedulers)
        inner = {id(part) for _, item in schedulers for part in readings.list_parts(item)[1:]}
        for name, scheduler in schedulers:
            if id(scheduler) not in inner:
                yield from self._read_scheduler(name, scheduler)
        for name, scaler in self._scalers:
            yield from self._read_scaler(name, scaler)

    def read_averages(self) -> Iterator[Reading]:
        """Yield the averaged modules."""
        for name, module in self._averages:
            yield from self._read_average(name, module)

    def read_buffers(self) -> Iterator[Reading]:
        """Yield the buffers of the modules that the program calls."""
        self._buffered = [one for one in self._buffered if one[0]() is not None]
        averaged = {id(part) for _, item in self._averages for part in item.modules()}
        for reference, prefix in self._buffered:
            module = reference()
            if module is not None and id(module) not in averaged:
                yield from readings.read_buffers([(prefix, module)])

    def read_gradients(self) -> Reading:
        """Return the gradients that wait for the next step."""
        return readings.read_gradients(item for _, item in self.optimizers)

    def list_trained(self) -> dict[int, torch.Size]:
        """Return the shapes of the parameters that optimizers step, by identity."""
        return {
            id(parameter): parameter.shape
            for _, optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        }

    def list_memory(self) -> set[int]:
        """Return where the parameters that optimizers step, and their gradients, lie."""
        found = set()
        for _, optimizer in self.optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    found.add(storage_address(parameter))
                    if parameter.grad is not None:
                        found.add(storage_address(parameter.grad))
        return found - {0}

    def knows(self, item: object) -> bool:
        """Return True for an object that is read here."""
        sorts = (self.optimizers, self._schedulers, self._scalers, self._averages)
        return any(named.name_of(item) is not None for named in sorts)

    def _read_optimizer(self, name: str, optimizer: Any) -> Iterator[Reading]:
        yield from readings.read_optimizer(name, optimizer)

    def _read_scheduler(self, name: str, scheduler: Any) -> Iterator[Reading]:
        found = readings.read_scheduler(name, scheduler)
        if found is not None:
            yield found

    def _read_scaler(self, name: str, scaler: Any) -> Iterator[Reading]:
        found = readings.read_scaler(name, scaler)
        if found is not None:
            yield found

    def _read_average(self, name: str, module: Any) -> Iterator[Reading]:
        found = readings.read_module_copy(name, module)
        if found is not None:
            yield found


def storage_address(tensor: torch.Tensor) -> int:
    """Return what tells a tensor's memory from that of others; 0 if it has none of its own."""
    storage = storage_of(tensor)
    return 0 if storage is None else storage_key(storage)


def _list_schedulers() -> list[type]:
    """Return PyTorch's own schedulers, bases first."""
    base = lr_scheduler.LRScheduler
    kinds = [kind for kind in vars(lr_scheduler).values() if isinstance(kind, type)]
    found = [kind for kind in kinds if issubclass(kind, base)]
    return list(dict.fromkeys([base, *found]))
