"""Looks at a program's training state at each step, where the step begins to use it."""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.optim import optimizer as _optimizer

from reproaudit.model.question import StateKind
from reproaudit.record.boundary.names import ByObject
from reproaudit.record.boundary.optimizer_steps import fills_state
from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.digest.python_values import value_digest
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.session import Recorder
from reproaudit.record.state.generators import (
    RANDOM_SAMPLERS,
    generators_of,
    name_generator,
    torch_state,
)
from reproaudit.record.torch_private import LoaderIterator
from reproaudit.record.training_state.checkpoints import Checkpoints
from reproaudit.record.training_state.frames import ProgramVariables
from reproaudit.record.training_state.objects import StateObjects
from reproaudit.record.training_state.pieces import Named, Pieces, Reading
from reproaudit.record.training_state.readings import read_number
from reproaudit.record.training_state.streams import StreamPieces
from reproaudit.trace.words import EPOCH_ORDER, SAMPLES, StateMoment

_getframe = sys._getframe
_DEEPEST = 6  # samplers within each other
_MOST_AHEAD = 4_096  # batches that workers are asked for before they are handed out


def _read_order(name: str, sampler: Any) -> Reading | None:
    """Return what decides the order of an epoch that begins: a sampler's epoch, or the state of the
    stream that the order is drawn from; None if neither does."""
    epoch = vars(sampler).get("epoch")
    if type(epoch) is int:
        return read_number(StateKind.SAMPLER_EPOCH, name, epoch)
    if not isinstance(sampler, RANDOM_SAMPLERS):
        return None
    return Reading(StateKind.SAMPLER_EPOCH, EPOCH_ORDER, torch_state(sampler.generator))


class TrainingState:
    """Hooks on forward and backward passes, steps and DataLoaders that look at training state.

    A step uses random streams, buffers, averages and the program's own variables from its first
    forward pass on, gradients that are left there from its first backward pass on, and the rest
    where its optimizer steps: so each is looked at there. What happens between steps, as a
    scheduler's, has happened by then; what the step computes has not.
    """

    def __init__(self, recorder: Recorder, boundaries: Boundaries, patches: Patches) -> None:
        self._recorder = recorder
        self._boundaries = boundaries
        self._patches = patches
        self._pieces = Pieces(recorder)
        self._streams = StreamPieces(recorder, self._pieces, patches)
        self._objects = StateObjects(recorder, self._pieces, boundaries.names, patches)
        self._variables = ProgramVariables(
            recorder.sites.kinds, self._objects, self._streams.generators
        )
        self._samplers = Named()
        self._batches = ByObject[int]()  # that each iterator has handed out
        self._samples = ByObject[deque[Any]]()  # the numbers of those that each is to hand out
        self._with_workers = ByObject[bool]()
        self._marked: dict[StateMoment, int] = {}  # the step of which each was looked at last

    def install(self, when_imported: WhenImported) -> None:
        self._streams.install(when_imported)
        self._objects.install()
        self._boundaries.before_root.append(self._before_module)
        self._boundaries.after_root.append(self._after_module)
        replace = self._patches.replace
        autograd = torch.autograd
        replace(autograd, "backward", self._wrap_backward(autograd.backward))
        replace(LoaderIterator, "__init__", self._wrap_iterator(LoaderIterator.__init__))
        replace(LoaderIterator, "__next__", self._wrap_next(LoaderIterator.__next__))
        replace(LoaderIterator, "_next_index", self._wrap_next_index(LoaderIterator._next_index))
        for handle in (
            _optimizer.register_optimizer_step_pre_hook(self._before_step),
            _optimizer.register_optimizer_step_post_hook(self._after_step),
        ):
            self._patches.on_undo(handle.remove)
        Checkpoints(self._recorder, self._pieces, self._patches, self._read_all).install(
            when_imported
        )

    def _is_first(self, moment: StateMoment) -> bool:
        """Return True once in each step."""
        step = self._recorder.step
        if self._marked.get(moment) == step:
            return False
        self._marked[moment] = step
        return True

    def _tell(self, readings: Iterable[Reading], moment: StateMoment, site: int) -> None:
        for reading in readings:
            self._pieces.tell(reading, moment, site=site)

    def _read_all(self) -> Iterator[Reading]:
        """Yield all pieces as they are, from a hook that the program has called."""
        yield from self._objects.read_training()
        yield from self._objects.read_buffers()
        yield from self._objects.read_averages()
        yield from self._variables.read(_getframe(1))
        yield from self._streams.read()

    # -- passes and steps

    def _before_module(self, module: torch.nn.Module) -> None:
        if self._recorder.thread() == 0:
            self._begin_forward(self._recorder.sites.here())

    def _begin_forward(self, site: int) -> None:
        self._streams.look(StateMoment.PROGRAM, site=site)
        if not torch.is_grad_enabled() or not self._is_first(StateMoment.FORWARD):
            return
        self._tell(self._objects.read_buffers(), StateMoment.FORWARD, site)
        self._tell(self._objects.read_averages(), StateMoment.FORWARD, site)
        self._tell(self._variables.read(_getframe(1)), StateMoment.FORWARD, site)
        # Generators that were met among them only now.
        self._streams.look(StateMoment.PROGRAM, site=site)
        self._pieces.mark(StateMoment.FORWARD, site=site)

    def _after_module(self, module: torch.nn.Module) -> None:
        if self._recorder.thread() == 0:
            self._streams.look(StateMoment.MODULE, site=self._recorder.sites.here())

    def _wrap_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def backward(*args: Any, **kwargs: Any) -> Any:
            if self._pieces.listens():
                with Guest(self._recorder, "gradients that wait for a step"):
                    site = self._recorder.sites.here()
                    self._begin_backward(site)
            return original(*args, **kwargs)

        return backward

    def _begin_backward(self, site: int) -> None:
        # Of a program that calls no module this is the first that is seen of a step.
        self._begin_forward(site)
        if self._is_first(StateMoment.BACKWARD):
            self._pieces.tell(self._objects.read_gradients(), StateMoment.BACKWARD, site=site)
            self._pieces.mark(StateMoment.BACKWARD, site=site)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        recorder = self._recorder
        is_inner = len(recorder.state.open_steps) > 1
        if fills_state(_getframe(1)):
            return
        if not self._pieces.listens() or is_inner or not self._is_first(StateMoment.UPDATE):
            return
        site = recorder.sites.here()
        with Guest(recorder, "training state as an optimizer steps"):
            self._objects.optimizers.add(optimizer)
            self._tell(self._objects.read_training(), StateMoment.UPDATE, site)
            self._streams.look(StateMoment.PROGRAM, site=site)
            self._pieces.mark(StateMoment.UPDATE, site=site)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._pieces.listens():
            site = self._recorder.sites.here()
            self._streams.look(StateMoment.STEP_END, site=site)

    # -- data

    def _wrap_iterator(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(iterator: Any, /, loader: Any, *args: Any, **kwargs: Any) -> None:
            is_watched = self._pieces.listens()
            site = self._recorder.sites.here() if is_watched else 0
            if is_watched:
                self._look_at_loader(loader, site)
                self._streams.look(StateMoment.PROGRAM, site=site)
            original(iterator, loader, *args, **kwargs)
            if is_watched:
                has_workers = getattr(loader, "num_workers", 0) > 0
                if has_workers:
                    self._with_workers.add(iterator, True)
                moment = StateMoment.WORKERS if has_workers else StateMoment.ITERATOR
                self._streams.look(moment, site=site)

        return __init__

    def _wrap_next(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(original)
        def __next__(iterator: Any) -> Any:
            if not self._pieces.listens():
                return original(iterator)
            site = self._recorder.sites.here()
            self._streams.look(StateMoment.PROGRAM, site=site)
            batch = original(iterator)
            self._streams.look(StateMoment.FETCH, site=site)
            with Guest(self._recorder, "how many batches were taken"):
                count = (self._batches.get(iterator) or 0) + 1
                self._batches.add(iterator, count)
                if torch.is_grad_enabled():
                    reading = read_number(StateKind.DATA_POSITION, "batches", count)
                    self._pieces.tell(reading, StateMoment.FETCH, site=site)
                    self._tell_samples(iterator, site)
            return batch

        return __next__

    def _wrap_next_index(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(original)
        def _next_index(iterator: Any) -> Any:
            index = original(iterator)
            if self._pieces.listens():
                with Guest(self._recorder, "which samples make a batch"):
                    waiting = self._samples.get(iterator)
                    if waiting is None:
                        waiting = deque(maxlen=_MOST_AHEAD)
                        self._samples.add(iterator, waiting)
                    waiting.append(index)
            return index

        return _next_index

    def _tell_samples(self, iterator: Any, site: int) -> None:
        """Tell the numbers of the samples of a batch that was handed out, where they have any."""
        waiting = self._samples.get(iterator)
        if not waiting:
            return
        if self._with_workers.get(iterator):
            index = waiting.popleft()
        else:
            index = waiting[-1]
            waiting.clear()
        if type(index) is int or (type(index) is list and {*map(type, index)} == {int}):
            reading = Reading(StateKind.DATA_POSITION, SAMPLES, value_digest(index) or (0, 0))
            self._pieces.tell(reading, StateMoment.FETCH, site=site)

    def _look_at_loader(self, loader: Any, site: int) -> None:
        with Guest(self._recorder, "the samplers of a DataLoader"):
            if torch.is_grad_enabled():
                for name, sampler in self._find_samplers(loader):
                    reading = _read_order(name, sampler)
                    if reading is not None:
                        self._pieces.tell(reading, StateMoment.ITERATOR, site=site)
            for owner in (loader, *(sampler for _, sampler in self._find_samplers(loader))):
                generator = vars(owner).get("generator")
                if isinstance(generator, torch.Generator):
                    name = f"generator of {type(owner).__name__}"
                    self._streams.generators.add(generator, name)
            for name, generator in generators_of(loader.dataset):
                self._streams.generators.add(generator, name_generator(generator, name))

    def _find_samplers(self, loader: Any) -> Iterator[tuple[str, Any]]:
        """Yield the samplers of a loader and those that they wrap, each with its name."""
        waiting = [loader]
        seen = {id(loader)}
        for _ in range(_DEEPEST):
            inner = []
            for owner in waiting:
                for key in ("batch_sampler", "sampler"):
                    found = getattr(owner, "__dict__", {}).get(key)
                    if found is not None and id(found) not in seen and hasattr(found, "__dict__"):
                        seen.add(id(found))
                        inner.append(found)
                        yield self._samplers.add(found), found
            waiting = inner
