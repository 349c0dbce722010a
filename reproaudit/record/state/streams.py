"""Random streams as DataLoaders use them: what runs alike each time and is wrong all the same.

Each event is of kind RNG and carries a stream's state in `outputs`. Those of a DataLoader carry in
`inputs` its number and that of its iterator, both from 1 in order of creation (a persistent
worker's later epochs count 1/65536 each), and in `module` what the stream decides: ORDER of the
samples, or what kind of dataset draws from it.

  epoch:STREAM             when an iterator is made: the state that its sampler or its workers' seeds come from
  worker:STREAM:before     in worker number `aux`, before its dataset is used
  worker:STREAM:after      after the first batch that was drawn for (`count` tells which); none, if nothing is drawn
  worker:STREAM:later      after the first batch but one or later that was drawn for
  seed-after-draw:STREAM   when the program first seeds a stream that is no longer as PyTorch's import left it
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data import IterableDataset

from reproaudit.model.events import EventKind, Phase, Unchecked
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import OWN
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.generators import State, generators_of, order_of, state_of, torch_state
from reproaudit.record.torch_private import (
    DatasetFetcher,
    IterableFetcher,
    LoaderIterator,
    MapFetcher,
    WorkersIterator,
)
from reproaudit.trace.words import (
    EPOCH_PREFIX,
    LATE_SEED_PREFIX,
    WORKER_PREFIX,
    LoaderUse,
    WorkerMoment,
)

_EPOCHS_WATCHED = 3  # of one DataLoader: two show whether they repeat each other
_BATCHES_WATCHED = 8  # of one worker, until it has drawn from each stream
_REUSES = 1 << 16
_get_worker_info = torch.utils.data.get_worker_info


@dataclass(slots=True)
class _Worker:
    """One worker process during one epoch: where its streams were after the last batch, and which
    were drawn from."""

    dataset: Any
    iteration: tuple[int, int]
    site: int
    states: dict[str, State]
    batches: int = 0
    drawn: set[str] = field(default_factory=set)
    drawn_later: set[str] = field(default_factory=set)


class StreamWatch:
    """Records the states of random streams where DataLoaders and their workers start from them."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._loaders: dict[
            int, tuple[weakref.ref[Any], int, int]
        ] = {}  # by id: loader, its number, its epochs
        self._iterators = 0
        self._iteration: tuple[int, int] | None = (
            None  # loader and iterator that workers are being started for
        )
        self._worker: _Worker | None = None
        self._reuses = 0
        if "numpy" in sys.modules:
            importlib.import_module(
                "numpy.random"
            )  # by itself NumPy imports it when it is first used
        self._unseeded = {"torch": torch_state(), "numpy": rng.numpy_state()}

    def install(self) -> None:
        self._replace(LoaderIterator, "__init__", self._wrap_iterator)
        self._replace(WorkersIterator, "_reset", self._wrap_reset)
        # Before an iterable dataset is asked for its iterator, which may draw already.
        self._replace(DatasetFetcher, "__init__", self._wrap_fetcher)
        for kind in (MapFetcher, IterableFetcher):
            self._replace(kind, "fetch", self._wrap_fetch)
        for owner in (torch, torch.random):
            self._watch_seeds(owner, "torch", torch_state, "manual_seed", "set_rng_state")
        if "numpy.random" in sys.modules:
            self._watch_seeds(
                sys.modules["numpy.random"], "numpy", rng.numpy_state, "seed", "set_state"
            )

    def _watch_seeds(
        self, owner: Any, stream: str, state: Callable[[], State | None], seed: str, restore: str
    ) -> None:
        self._replace(owner, seed, lambda original: self._wrap_seed(original, stream, state))
        self._replace(
            owner, restore, lambda original: self._wrap_seed(original, stream, lambda: None)
        )

    def _replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._patches.replace(owner, name, wrap(getattr(owner, name)))

    # -- epochs
    # ------------------------------------------------------------------------------------------------------

    def _wrap_iterator(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(iterator: Any, loader: Any, *args: Any, **kwargs: Any) -> None:
            self._start_epoch(loader)
            original(iterator, loader, *args, **kwargs)

        return __init__

    def _wrap_reset(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def _reset(iterator: Any, loader: Any, first_iter: bool = False) -> None:
            if not first_iter:  # persistent workers go on to their next epoch
                self._start_epoch(loader)
            original(iterator, loader, first_iter)

        return _reset

    def _start_epoch(self, loader: Any) -> None:
        """Record what decides an epoch. Without gradients it is an evaluation, which is right to
        repeat itself."""
        self._iteration = None
        recorder = self._recorder
        if not recorder.active or recorder.state.inside or not torch.is_grad_enabled():
            return
        number, epochs = self._count(loader)
        if epochs > _EPOCHS_WATCHED:
            return
        self._iterators += 1
        self._iteration = (number, self._iterators * _REUSES)
        site, found = recorder.sites.here(3), order_of(loader)
        if found is not None:
            self._emit(
                f"{EPOCH_PREFIX}{found[0]}", found[1], LoaderUse.ORDER, site, self._iteration
            )
        elif loader.num_workers > 0:
            stream = "torch.cpu" if loader.generator is None else "generator"
            self._emit(
                f"{EPOCH_PREFIX}{stream}",
                torch_state(loader.generator),
                LoaderUse.SEEDS,
                site,
                self._iteration,
            )

    def _count(self, loader: Any) -> tuple[int, int]:
        """Return the loader's number and how many epochs of it have been started, this one
        included."""
        known = self._loaders.get(id(loader))
        if known is None or known[0]() is not loader:
            known = weakref.ref(loader), len(self._loaders) + 1, 0
        reference, number, epochs = known
        self._loaders[id(loader)] = reference, number, epochs + 1
        return number, epochs + 1

    # -- workers
    # -----------------------------------------------------------------------------------------------------

    def _wrap_fetcher(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(fetcher: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
            original(fetcher, dataset, *args, **kwargs)
            if self._is_worker():
                self._start_worker(dataset)

        return __init__

    def _wrap_fetch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def fetch(fetcher: Any, *args: Any, **kwargs: Any) -> Any:
            batch = original(fetcher, *args, **kwargs)
            worker = self._worker
            if worker is not None and worker.batches < _BATCHES_WATCHED and self._is_worker():
                self._after_batch(worker)
            return batch

        return fetch

    def _is_worker(self) -> bool:
        """True in a forked worker of an epoch that is watched; a spawned one does not know which
        epoch it works for."""
        recorder = self._recorder
        return (
            self._iteration is not None
            and recorder.is_child
            and recorder.listens()
            and _get_worker_info() is not None
        )

    def _start_worker(self, dataset: Any) -> None:
        assert self._iteration is not None
        if self._reuses >= _EPOCHS_WATCHED:
            self._worker = None
            return
        loader, iterator = self._iteration
        states = self._states(dataset)
        # The stack of a forked process still holds the program's loop.
        self._worker = _Worker(
            dataset, (loader, iterator + self._reuses), self._recorder.sites.here(3), states
        )
        self._reuses += 1
        for stream, state in states.items():
            self._tell(self._worker, stream, WorkerMoment.BEFORE, state)
        self._flush()

    def _after_batch(self, worker: _Worker) -> None:
        worker.batches += 1
        for stream, state in self._states(worker.dataset).items():
            if state == worker.states.get(stream):
                continue
            worker.states[stream] = state
            if stream not in worker.drawn:
                worker.drawn.add(stream)
                self._tell(worker, stream, WorkerMoment.AFTER, state)
            if worker.batches > 1 and stream not in worker.drawn_later:
                worker.drawn_later.add(stream)
                self._tell(worker, stream, WorkerMoment.LATER, state)
        self._flush()

    def _tell(self, worker: _Worker, stream: str, when: WorkerMoment, state: State) -> None:
        info = _get_worker_info()
        number = 0 if info is None else info.id
        kind = LoaderUse.ITERABLE if isinstance(worker.dataset, IterableDataset) else LoaderUse.MAP
        self._emit(
            f"{WORKER_PREFIX}{stream}:{when.value}",
            state,
            kind,
            worker.site,
            worker.iteration,
            number,
            max(1, worker.batches),
        )

    def _flush(self) -> None:
        self._recorder.writer.flush(self._recorder.step)  # a worker may be killed without warning

    def _states(self, dataset: Any) -> dict[str, State]:
        found = {"python": rng.python_state(), "torch.cpu": torch_state()}
        legacy = rng.numpy_state()
        if legacy is not None:
            found["numpy"] = legacy
        for name, generator in generators_of(dataset):
            try:
                state = state_of(generator)
            except Exception as error:  # a bit generator may be of any make
                self._recorder.writer.note(
                    Unchecked.GENERATOR_UNREADABLE,
                    f"the generator {name}",
                    f"its state cannot be read: {error}",
                )
            else:
                found[name] = state
        return found

    # -- seeds
    # -------------------------------------------------------------------------------------------------------

    def _wrap_seed(self, original: Any, stream: str, state: Callable[[], State | None]) -> Any:
        @functools.wraps(original)
        def seed(*args: Any, **kwargs: Any) -> Any:
            if stream in self._unseeded and self._is_programs_own():
                before, now = self._unseeded.pop(stream), state()
                if before is not None and now is not None and now != before:
                    self._emit(
                        f"{LATE_SEED_PREFIX}{stream}",
                        now,
                        LoaderUse.SEEDS,
                        self._recorder.sites.here(2),
                        (0, 0),
                    )
            return original(*args, **kwargs)

        return seed

    def _is_programs_own(self) -> bool:
        """True in the program's main process, below its own code or a library's: PyTorch seeds each
        worker itself."""
        recorder, frame = self._recorder, outer_frame(2)
        return (
            recorder.active
            and not recorder.is_child
            and multiprocessing.parent_process() is None
            and frame is not None
            and recorder.sites.kinds.of(frame.f_code) != OWN
        )

    # -- events
    # ------------------------------------------------------------------------------------------------------

    def _emit(
        self,
        name: str,
        state: State,
        use: LoaderUse,
        site: int,
        iteration: tuple[int, int],
        worker: int = 0,
        count: int = 1,
    ) -> None:
        recorder = self._recorder
        recorder.open_child()
        writer = recorder.writer
        writer.add(
            EventKind.RNG,
            Phase.DATA,
            0,
            recorder.step,
            writer.string(name),
            writer.string(use.value),
            site,
            recorder.thread(),
            count,
            worker,
            *iteration,
            *state,
        )
