"""Which of the operators before the first step made what the program then trains.

Before the first step a program makes its data and its weights by the same operators. They are told
apart by what comes of them: what leads to a parameter or a buffer is initialisation, unless it also
leads to the input of a module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.model.events import EventFlag
from reproaudit.record.state.modules import walk_tensors
from reproaudit.record.torch_private import storage_key
from reproaudit.trace.writer import TraceWriter

_getpid = os.getpid
_MOST_EVENTS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    event: int
    # Held so that no other storage gets the key.
    storage: StorageWeakRef


class Initialisation:
    """Follows what each operator was made of, until the first backward pass has ended."""

    def __init__(self, writer: TraceWriter, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self.is_over = False
        self._pid = _getpid()
        self._writer = writer
        self._written: dict[int, _Written] = {}  # by the storage's key
        self._parents: dict[int, tuple[int, ...]] = {}  # the events whose outputs an event read
        self._of_data: set[int] = set()
        self._of_model: set[int] = set()

    def follow(
        self,
        event: int,
        read: Sequence[torch.Tensor],
        written: Sequence[torch.Tensor],
        *,
        args: Any,
        is_data: bool,
    ) -> None:
        """Remember what an operator outside of all modules read and wrote."""
        # What autograd follows is computed from weights: it is not what they were made of, and
        # may be the input of another module.
        if not is_data and torch.is_grad_enabled():
            return
        if len(self._parents) >= _MOST_EVENTS:
            return
        sources = list(read)
        for tensor in written:
            if any(tensor is value for value in args):
                # What is written in place may keep a part of what was there.
                sources.append(tensor)
        self._parents[event] = tuple(self._find_events(sources))
        for tensor in written:
            storage = _storage_of(tensor)
            if storage is not None:
                self._written[storage_key(storage)] = _Written(event, StorageWeakRef(storage))

    def enter(self, module: torch.nn.Module, inputs: Iterable[torch.Tensor]) -> None:
        """Learn from the call of a module what is data, and what its state was made by."""
        self._of_data.update(self._find_ancestors(inputs))
        self.own(walk_tensors(module))

    def own(self, tensors: Iterable[torch.Tensor]) -> None:
        """Take what `tensors` were made by for initialisation: parameters or buffers."""
        self._of_model.update(self._find_ancestors(tensors))

    def end(self) -> None:
        """Mark the events: the first backward pass has ended."""
        if self.is_over:
            return
        self.is_over = True
        self._on_end()
        if _getpid() != self._pid:
            return  # a forked child numbers the events of its own trace
        for event in self._of_model - self._of_data:
            self._writer.mark(event, EventFlag.INITIAL)
        self._written.clear()
        self._parents.clear()

    def _find_events(self, tensors: Iterable[torch.Tensor]) -> list[int]:
        events = []
        for tensor in tensors:
            storage = _storage_of(tensor)
            found = None if storage is None else self._written.get(storage_key(storage))
            if found is not None:
                events.append(found.event)
        return events

    def _find_ancestors(self, tensors: Iterable[torch.Tensor]) -> set[int]:
        """Return the events that the tensors were made by, and those before these."""
        found: set[int] = set()
        waiting = self._find_events(tensors)
        while waiting:
            event = waiting.pop()
            if event not in found:
                found.add(event)
                waiting += self._parents.get(event, ())
        return found


def _storage_of(tensor: torch.Tensor) -> Any:
    """Return the tensor's storage; None for what has none of its own."""
    try:
        return tensor.untyped_storage()
    except Exception:  # a subclass may run any code, and a lazy parameter refuses
        return None
