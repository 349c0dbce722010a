"""Results of pools, futures and DataLoader workers in the order of submission, not of arrival.

Queues that the program fills from several processes or threads itself are beyond reach: nobody
knows their right order.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import multiprocessing.connection
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import _base
from multiprocessing import pool as pools
from typing import Any, cast

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import is_for_program

_Callback = Callable[[Any], object]
_Future = _base.Future[Any]
_Wait = Callable[..., _base.DoneAndNotDoneFutures[Any]]
_PATIENCE_S = 5.0  # for the first of several connections, before any other one may go first
_clock = time.monotonic


def install(reach: Reach) -> None:
    """Change multiprocessing's pools and connections, futures, and DataLoader(in_order=False)."""
    _order_pools(reach.patches)
    _number_futures(reach.patches)
    # Made before either is replaced: both rest on the original.
    wait = _make_wait(_base.wait)
    as_completed = _wrap_as_completed(_base.wait)
    for module in (_base, futures):
        reach.patches.replace(module, "as_completed", as_completed)
        reach.patches.replace(module, "wait", wait)
    _order_connections(reach)
    reach.when_imported("torch", functools.partial(_order_loaders, reach.patches))


class _Turns:
    """Calls what has arrived in the order of numbers, each once all before it were called."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self._next = 0
        self._arrived: dict[int, Callable[[], object]] = {}

    def arrive(self, number: int, call: Callable[[], object]) -> None:
        self._arrived[number] = call
        while self._next in self._arrived:
            ready = self._arrived.pop(self._next)
            # Before the call, which may raise: those behind it are not to wait for ever.
            self._next += 1
            ready()


def _order_pools(patches: Patches) -> None:
    patches.replace(pools.IMapUnorderedIterator, "_set", vars(pools.IMapIterator)["_set"])
    turns: weakref.WeakKeyDictionary[Any, _Turns] = weakref.WeakKeyDictionary()
    original = pools.Pool.apply_async
    signature = inspect.signature(original)

    @functools.wraps(original)
    def apply_async(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        given = call.arguments
        callback = given.get("callback")
        error_callback = given.get("error_callback")
        if callback is None and error_callback is None:
            return original(*args, **kwargs)
        own = turns.setdefault(given["self"], _Turns())
        number = next(own.numbers)

        given["callback"] = _call_in_turn(own, number, callback)
        given["error_callback"] = _call_in_turn(own, number, error_callback)
        return original(*call.args, **call.kwargs)

    patches.replace(pools.Pool, "apply_async", apply_async)


def _call_in_turn(turns: _Turns, number: int, function: _Callback | None) -> Callable[[Any], None]:
    """Return what calls `function` with its value once all lower numbers were called.

    No lock: all are called by the one thread of the pool that handles results.
    """

    def arrive(value: Any) -> None:
        def call() -> None:
            # Also where there is nothing to call: those behind it wait for this number.
            if function:
                function(value)

        turns.arrive(number, call)

    return arrive


def _order_connections(reach: Reach) -> None:
    original = multiprocessing.connection.wait

    @functools.wraps(original)
    def wait(object_list: Iterable[Any], timeout: float | None = None) -> list[Any]:
        objects = list(object_list)
        if timeout is None and objects and is_for_program(reach):
            # Waiting for the first without an end could wait for a process that waits for an answer
            # itself.
            first = original(objects[:1], _PATIENCE_S)
            if first:
                return first
        ready = original(objects, timeout)
        return [item for item in objects if item in ready]

    reach.patches.replace(multiprocessing.connection, "wait", wait)


def _number_futures(patches: Patches) -> None:
    """Number each future when its task is submitted, and hash it by that.

    A set of futures then has one order in all runs; by default they are hashed by their address.
    """
    numbers = itertools.count(1)
    original = _base.Future.__init__

    @functools.wraps(original)
    def init(self: _Future) -> None:
        original(self)
        self._submitted = next(numbers)  # type: ignore[attr-defined]

    patches.replace(_base.Future, "__init__", init)
    patches.replace(_base.Future, "__hash__", _submission_number)


def _submission_number(future: _Future) -> int:
    return getattr(future, "_submitted", 0)


def _put_in_order(given: Iterable[_Future]) -> list[_Future]:
    """Return the futures, each once, in the order in which the program named them.

    A set names them in no order: its futures come as they were submitted.
    """
    if isinstance(given, (set, frozenset)):
        return sorted(given, key=_submission_number)
    return list(dict.fromkeys(given))


def _wrap_as_completed(wait: _Wait) -> Callable[..., Iterator[_Future]]:
    @functools.wraps(_base.as_completed)
    def as_completed(fs: Iterable[_Future], timeout: float | None = None) -> Iterator[_Future]:
        end = None
        if timeout is not None:
            end = _clock() + timeout
        waiting = _put_in_order(fs)
        waiting.reverse()
        total = len(waiting)
        unfinished = 0
        while waiting:
            left = None
            if end is not None:
                left = max(0.0, end - _clock())
            # No name keeps a future and its result alive while the program has it.
            if wait(waiting[-1:], left).done:
                yield waiting.pop()
            else:  # the time is over, and those that have finished are still given
                waiting.pop()
                unfinished += 1
        if unfinished:
            raise futures.TimeoutError(f"{unfinished} (of {total}) futures unfinished")

    return as_completed


def _make_wait(original: _Wait) -> _Wait:
    """Return a `wait` for which the future that was named first is the first to complete.

    Of a set that is the one that was submitted first.
    """

    @functools.wraps(original)
    def wait(
        fs: Iterable[_Future],
        timeout: float | None = None,
        return_when: str = futures.ALL_COMPLETED,
    ) -> Any:
        given = _put_in_order(fs)
        waits_for_one = return_when == futures.FIRST_COMPLETED and timeout is None
        if not waits_for_one or not given:
            return original(given, timeout, return_when)
        done = original(given[:1]).done
        others = set(given[1:])
        return _base.DoneAndNotDoneFutures(done, others)

    return wait


def _order_loaders(patches: Patches) -> None:
    from torch.utils.data import DataLoader

    original = cast(Callable[..., None], DataLoader.__init__)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> None:
        call = signature.bind(*args, **kwargs)
        call.arguments.pop("in_order", None)  # True is the default
        original(*call.args, **call.kwargs)

    patches.replace(DataLoader, "__init__", init)
