"""Random streams as DataLoaders use them: what runs alike each time and is wrong all the same.

Each event is of kind RNG and carries a stream's state in `outputs`. Those of a DataLoader carry in
`inputs` its number and that of its iterator, both from 1 in order of creation (a persistent
worker's later epochs count 1/65536 each), and in `module` what the stream decides: ORDER of the
samples, or what kind of dataset draws from it.

  epoch:STREAM             when an iterator is made: the state that its sampler or the seeds of its
                           workers come from
  worker:STREAM:before     in worker number `aux`, before its dataset is used
  worker:STREAM:after      after the first batch that was drawn for, whose number is `count`; there
                           is none if nothing is drawn
  worker:STREAM:later      after the first batch but one or later that was drawn for
  fetch:STREAM             before the process that trains fetches a batch itself and draws for it;
                           only of one of several ranks
  seed:STREAM              after a seed call of the program
  seed-after-draw:STREAM   when the program first seeds a stream that is no longer as the import of
                           PyTorch left it
"""

from __future__ import annotations

import functools
import multiprocessing
import random
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data import IterableDataset

from reproaudit.model.events import Phase, Unchecked
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import OWN
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.ranks import is_one_of_several
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.generators import (
    State,
    generators_of,
    order_of,
    share_of,
    state_of,
    torch_state,
)
from reproaudit.record.torch_private import (
    DatasetFetcher,
    IterableFetcher,
    LoaderIterator,
    MapFetcher,
    WorkersIterator,
)
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.words import (
    LoaderUse,
    WorkerMoment,
)

_EPOCHS_WATCHED = 3  # of one DataLoader: two show whether they repeat each other
_FETCHES_WATCHED = 64
_SEEDS_WATCHED = 64
_BATCHES_WATCHED = 8  # of one worker, until it has drawn from each stream
_REUSES = 1 << 16
_get_worker_info = torch.utils.data.get_worker_info


Iteration = tuple[int, int]  # the numbers of a loader and of an iterator of it


@dataclass(slots=True, kw_only=True)
class _Worker:
    """One worker process during one epoch."""

    dataset: Any
    iteration: Iteration
    site: int
    states: dict[str, State]  # of its streams after the last batch
    batches: int = 0
    drawn: set[str] = field(default_factory=set)
    drawn_later: set[str] = field(default_factory=set)


class StreamWatch:
    """Records the states of random streams where DataLoaders and their workers start from them."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        # By the id of a loader: it, its number, and how many of its epochs were started.
        self._loaders: dict[int, tuple[weakref.ref[Any], int, int]] = {}
        self._iterators = 0
        self._iteration: Iteration | None = None  # which workers are being started for
        self._worker: _Worker | None = None
        self._reuses = 0
        self._fetches = 0  # batches that this process fetched itself
        self._seeds = 0  # calls of the program that were recorded
        self._unseeded: dict[str, State | None] = {"torch": torch_state()}

    def install(self, when_imported: Callable[[str, Callable[[], None]], None]) -> None:
        """Watch from now on. `when_imported` calls back once a library is imported."""
        self._replace(LoaderIterator, "__init__", self._wrap_iterator)
        self._replace(WorkersIterator, "_reset", self._wrap_reset)
        # Before an iterable dataset is asked for its iterator, which may draw already.
        self._replace(DatasetFetcher, "__init__", self._wrap_fetcher)
        for kind in (MapFetcher, IterableFetcher):
            self._replace(kind, "fetch", self._wrap_fetch)
        for owner in (torch, torch.random):
            self._watch_seed(owner, "manual_seed", "torch", torch_state)
            self._watch_seed(owner, "set_rng_state", "torch", _unknown_state)
        self._watch_seed(random, "seed", "python", rng.python_state)
        # By itself NumPy imports it when it is first used.
        when_imported("numpy.random", self._watch_numpy)

    def _watch_numpy(self) -> None:
        self._unseeded["numpy"] = rng.numpy_state()
        owner = sys.modules["numpy.random"]
        self._watch_seed(owner, "seed", "numpy", rng.numpy_state)
        self._watch_seed(owner, "set_state", "numpy", _unknown_state)

    def _watch_seed(
        self, owner: Any, name: str, stream: str, state: Callable[[], State | None]
    ) -> None:
        self._replace(owner, name, functools.partial(self._wrap_seed, stream=stream, state=state))

    def _replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        self._patches.replace(owner, name, wrap(getattr(owner, name)))

    # -- epochs

    def _wrap_iterator(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(iterator: Any, /, loader: Any, *args: Any, **kwargs: Any) -> None:
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
        """Record what decides an epoch.

        Without gradients it is an evaluation, which is right to repeat itself.
        """
        self._iteration = None
        recorder = self._recorder
        if not recorder.active or recorder.state.inside or not torch.is_grad_enabled():
            return
        number, epochs = self._count(loader)
        if epochs > _EPOCHS_WATCHED:
            return
        self._iterators += 1
        self._iteration = (number, self._iterators * _REUSES)
        site = recorder.sites.here(3)
        found = order_of(loader)
        if found is not None:
            stream, state = found
            use = LoaderUse.ORDER
        elif loader.num_workers > 0:
            stream = "torch.cpu" if loader.generator is None else "generator"
            state = torch_state(loader.generator)
            use = LoaderUse.SEEDS
        elif is_one_of_several():
            stream = ""  # nothing is drawn; ranks are compared by where their epochs begin
            state = (0, 0)
            use = LoaderUse.SEEDS
        else:
            return
        at = self._now_at(site)
        recorder.writer.add_epoch(
            at=at,
            stream=stream,
            state=state,
            use=use,
            iteration=self._iteration,
            share=share_of(loader),
        )

    def _count(self, loader: Any) -> tuple[int, int]:
        """Return the loader's number and how many of its epochs were started, with this one."""
        known = self._loaders.get(id(loader))
        if known is None or known[0]() is not loader:
            known = weakref.ref(loader), len(self._loaders) + 1, 0
        reference, number, epochs = known
        self._loaders[id(loader)] = reference, number, epochs + 1
        return number, epochs + 1

    # -- workers

    def _wrap_fetcher(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(fetcher: Any, /, dataset: Any, *args: Any, **kwargs: Any) -> None:
            original(fetcher, dataset, *args, **kwargs)
            if self._is_worker():
                self._start_worker(dataset)

        return __init__

    def _wrap_fetch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def fetch(fetcher: Any, /, *args: Any, **kwargs: Any) -> Any:
            before = self._read_before_fetch(fetcher)
            batch = original(fetcher, *args, **kwargs)
            self._record_fetch(fetcher, before)
            worker = self._worker
            if worker is not None and worker.batches < _BATCHES_WATCHED and self._is_worker():
                self._after_batch(worker)
            return batch

        return fetch

    def _read_before_fetch(self, fetcher: Any) -> dict[str, State]:
        """Return the states of streams before the process that trains fetches a batch itself.

        Only of the first batches, and of one of several ranks.
        """
        if self._fetches >= _FETCHES_WATCHED or self._iteration is None:
            return {}
        recorder = self._recorder
        if not recorder.active or not torch.is_grad_enabled() or not is_one_of_several():
            return {}
        if _get_worker_info() is not None:
            return {}
        with Guest(recorder, "what is drawn for a batch"):
            return self._read_states(fetcher.dataset)
        return {}

    def _record_fetch(self, fetcher: Any, before: dict[str, State]) -> None:
        if not before or self._iteration is None:
            return
        self._fetches += 1
        after = self._read_states(fetcher.dataset)
        at = self._now_at(self._recorder.sites.here(3))
        for stream, state in before.items():
            if after.get(stream) != state:
                self._recorder.writer.add_fetch(
                    at=at, stream=stream, state=state, iteration=self._iteration
                )

    def _is_worker(self) -> bool:
        """Return True in a forked worker of an epoch that is watched.

        A worker that is started otherwise does not know which epoch it works for.
        """
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
        self._worker = _Worker(
            dataset=dataset,
            iteration=(loader, iterator + self._reuses),
            # The stack of a forked process still holds the program's loop.
            site=self._recorder.sites.here(3),
            states=self._read_states(dataset),
        )
        self._reuses += 1
        for stream, state in self._worker.states.items():
            self._emit_worker(self._worker, stream, WorkerMoment.BEFORE, state)
        self._flush()

    def _after_batch(self, worker: _Worker) -> None:
        worker.batches += 1
        for stream, state in self._read_states(worker.dataset).items():
            if state == worker.states.get(stream):
                continue
            worker.states[stream] = state
            if stream not in worker.drawn:
                worker.drawn.add(stream)
                self._emit_worker(worker, stream, WorkerMoment.AFTER, state)
            if worker.batches > 1 and stream not in worker.drawn_later:
                worker.drawn_later.add(stream)
                self._emit_worker(worker, stream, WorkerMoment.LATER, state)
        self._flush()

    def _emit_worker(
        self, worker: _Worker, stream: str, moment: WorkerMoment, state: State
    ) -> None:
        info = _get_worker_info()
        is_iterable = isinstance(worker.dataset, IterableDataset)
        at = self._now_at(worker.site)
        self._recorder.writer.add_worker_state(
            at=at,
            stream=stream,
            state=state,
            use=LoaderUse.ITERABLE if is_iterable else LoaderUse.MAP,
            iteration=worker.iteration,
            worker=0 if info is None else info.id,
            moment=moment,
            batches=worker.batches,
        )

    def _flush(self) -> None:
        self._recorder.writer.flush(self._recorder.step)  # a worker may be killed without warning

    def _read_states(self, dataset: Any) -> dict[str, State]:
        """Return the states of the global streams and of the dataset's own generators, by name."""
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

    def _wrap_seed(self, original: Any, stream: str, state: Callable[[], State | None]) -> Any:
        @functools.wraps(original)
        def seed(*args: Any, **kwargs: Any) -> Any:
            if stream in self._unseeded and self._is_programs_own():
                before = self._unseeded.pop(stream)
                now = state()
                if before is not None and now is not None and now != before:
                    at = self._now_at(self._recorder.sites.here(2))
                    self._recorder.writer.add_late_seed(at=at, stream=stream, state=now)
            result = original(*args, **kwargs)
            self._record_seed(stream, state)
            return result

        return seed

    def _record_seed(self, stream: str, state: Callable[[], State | None]) -> None:
        """Record a seed call of the program: ranks that seed alike may draw alike."""
        recorder = self._recorder
        frame = outer_frame(2)
        if self._seeds >= _SEEDS_WATCHED or not recorder.active:
            return
        if frame is None or recorder.sites.kinds.of(frame.f_code) == OWN:
            return
        now = state()
        if now is not None:
            self._seeds += 1
            at = recorder.moment(Phase.DATA, recorder.sites.here(3))
            recorder.writer.add_seed(at=at, stream=stream, state=now)

    def _is_programs_own(self) -> bool:
        """Return True in the program's main process, below its own code or a library's.

        PyTorch seeds each worker itself.
        """
        recorder = self._recorder
        frame = outer_frame(2)
        return (
            recorder.active
            and not recorder.is_child
            and multiprocessing.parent_process() is None
            and frame is not None
            and recorder.sites.kinds.of(frame.f_code) != OWN
        )

    # -- events

    def _now_at(self, site: int) -> Moment:
        """Return when and where a stream is recorded, in the trace of this very process."""
        self._recorder.open_child()  # which gives a child a writer of its own
        return self._recorder.moment(Phase.DATA, site)


def _unknown_state() -> None:
    """Say nothing of the stream: a call that puts a state back is a first seed, and never late."""
