"""Random streams that an uninterrupted run hands over to a resumed one: with them, nothing else of
the resumed run is changed.

They are handed over at the moments at which a program draws, one after the other where it goes on
from a checkpoint: as it has loaded its state, as it makes the iterator of a DataLoader, as that
fetches a batch, and as its modules begin the first forward pass. The run that hands them over keeps
what it had there itself: at the end of the step before, as the iterator was made that gives the
batch, and so on.
"""

from __future__ import annotations

import functools
import json
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from enum import Enum
from typing import Any

import torch

from reproaudit import files
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import IterableFetcher, LoaderIterator, MapFetcher
from reproaudit.trace.words import STREAMS_FILE

_States = dict[str, Any]  # by stream, as JSON holds them
_getstate, _setstate = random.getstate, random.setstate
_get_torch, _set_torch = torch.get_rng_state, torch.set_rng_state


class Moment(str, Enum):
    """Where streams are handed over."""

    LOADED = "loaded"
    ITERATOR = "iterator"
    FETCH = "fetch"
    FORWARD = "forward"


class HandedStreams(ABC):
    """Comes to each moment, until the first forward pass of the step has begun."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._is_over = False

    def install(self) -> None:
        self._replace(LoaderIterator, "__init__", Moment.ITERATOR, is_of_loader=True)
        for kind in (MapFetcher, IterableFetcher):
            self._replace(kind, "fetch", Moment.FETCH)
        handle = torch.nn.modules.module.register_module_forward_pre_hook(self._begin_forward)
        self._patches.on_undo(handle.remove)
        self._recorder.on_flush.append(self._end_step)

    def _replace(
        self,
        owner: Any,
        name: str,
        moment: Moment,
        *,
        is_of_loader: bool = False,
        is_after: bool = False,
    ) -> None:
        """Have a function come to a moment as it is called, or as it has returned."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if is_after:
                result = original(*args, **kwargs)
                self._come(moment)
                return result
            loader = next(iter([*args[1:], *kwargs.values()]), None) if is_of_loader else None
            self._come(moment, loader)
            return original(*args, **kwargs)

        self._patches.replace(owner, name, call)

    def _come(self, moment: Moment, loader: Any = None) -> None:
        recorder = self._recorder
        if self._is_over or not recorder.active or recorder.state.inside:
            return
        with Guest(recorder, "random streams that are handed over"):
            self._act(moment, loader)

    def _begin_forward(self, module: torch.nn.Module, args: Any) -> None:
        is_training = module.training and torch.is_grad_enabled()
        if self._is_over or not is_training or not self._is_in_step():
            return
        self._come(Moment.FORWARD)
        self._end()

    @abstractmethod
    def _is_in_step(self) -> bool:
        """Return True in the step whose streams are handed over."""

    @abstractmethod
    def _act(self, moment: Moment, loader: Any) -> None:
        """Keep the streams, or put them; `loader` is the one whose iterator is being made."""

    @abstractmethod
    def _end_step(self) -> None:
        """Look at what is over when a step has ended."""

    def _end(self) -> None:
        self._is_over = True


class KeptStreams(HandedStreams):
    """Keeps the streams that the step `step` of this run uses."""

    def __init__(self, recorder: Recorder, patches: Patches, step: int) -> None:
        super().__init__(recorder, patches)
        self._step = step
        self._kept: dict[str, _States] = {}

    def install(self) -> None:
        super().install()
        # Between two steps an evaluation may draw before it is saved.
        self._replace(torch, "save", Moment.LOADED)
        self._come(Moment.LOADED)

    def _is_in_step(self) -> bool:
        return self._recorder.step == self._step

    def _act(self, moment: Moment, loader: Any) -> None:
        states = dict(_read(loader))
        self._kept[moment.value] = states
        if loader is not None:
            self._kept[_name(moment, loader)] = states

    def _end_step(self) -> None:
        if self._recorder.step <= self._step:
            self._come(Moment.LOADED)
        else:
            self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        super()._end()
        path = f"{self._recorder.plan.trace_dir}/{STREAMS_FILE}"
        files.write_at(path, json.dumps(self._kept).encode(), 0, truncate=True)


class GivenStreams(HandedStreams):
    """Puts the streams that another run has kept, until this one's first step has begun."""

    def __init__(self, recorder: Recorder, patches: Patches, source: str) -> None:
        super().__init__(recorder, patches)
        with open(source, encoding="utf-8") as file:
            self._kept: dict[str, _States] = json.load(file)

    def install(self) -> None:
        super().install()
        for owner, name in (
            (torch, "load"),
            (torch.nn.Module, "load_state_dict"),
            (torch.optim.Optimizer, "load_state_dict"),
        ):
            self._replace(owner, name, Moment.LOADED, is_after=True)

    def _is_in_step(self) -> bool:
        return self._recorder.step == 0

    def _act(self, moment: Moment, loader: Any) -> None:
        states = self._kept.get(moment.value, {})
        if loader is not None:
            states = self._kept.get(_name(moment, loader), states)
        _put(states, loader)

    def _end_step(self) -> None:
        if self._recorder.step:
            self._end()


def _name(moment: Moment, loader: Any) -> str:
    """Return a name for a moment of one loader: which one it is, its dataset tells."""
    dataset = getattr(loader, "dataset", None)
    size = len(dataset) if isinstance(dataset, Sized) else ""
    return f"{moment.value} {type(dataset).__qualname__} {size}"


def _read(loader: Any) -> Iterator[tuple[str, Any]]:
    yield "python", _getstate()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        name, keys, *rest = numpy_random.mtrand._rand.get_state()
        yield "numpy", [str(name), keys.tolist(), *rest]
    yield "torch.cpu", _get_torch().tolist()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for index, generator in enumerate(torch.cuda.default_generators):
            yield f"torch.cuda:{index}", generator.get_state().tolist()
    for name, generator in _list_own(loader):
        yield name, generator.get_state().tolist()


def _put(states: _States, loader: Any) -> None:
    if "python" in states:
        version, words, gauss = states["python"]
        _setstate((version, tuple(words), gauss))
    numpy_random = sys.modules.get("numpy.random")
    if "numpy" in states and numpy_random is not None:
        numpy_random.mtrand._rand.set_state(tuple(states["numpy"]))
    if "torch.cpu" in states:
        _set_torch(_to_bytes(states["torch.cpu"]))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for index, generator in enumerate(torch.cuda.default_generators):
            if f"torch.cuda:{index}" in states:
                generator.set_state(_to_bytes(states[f"torch.cuda:{index}"]))
    for name, generator in _list_own(loader):
        if name in states:
            generator.set_state(_to_bytes(states[name]))


def _to_bytes(state: list[int]) -> torch.Tensor:
    return torch.tensor(state, dtype=torch.uint8)


def _list_own(loader: Any) -> Iterator[tuple[str, torch.Generator]]:
    """Yield the generators that a DataLoader and its sampler were given."""
    sampler = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
    for name, holder in (("loader", loader), ("sampler", sampler)):
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator):
            yield f"generator of the {name}", generator
