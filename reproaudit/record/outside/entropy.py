"""Thin wrappers around the calls that bring the outside world into a program.

Results are passed on unchanged.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType, ModuleType
from typing import Any

import xxhash

from reproaudit.model.events import LibraryCall
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import LIBRARY, OWN, USER, FrameKinds
from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside import datetimes
from reproaudit.record.outside.libraries import LIBRARIES
from reproaudit.record.outside.library_calls import find_library_call
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.outside.sources import list_watched_calls
from reproaudit.record.outside.watched_calls import (
    MAX_REPR,
    CallerScope,
    RecordedValue,
    WatchedCall,
)
from reproaudit.record.session import Recorder
from reproaudit.trace.words import CALLS_PER_LINE, HASH_SEED

_xxh64 = xxhash.xxh3_64_intdigest
_MAX_SHOWN = 60
_NOTHING = (0, 0)


class Entropy:
    """Installs the wrappers.

    Each records name, user line, a digest of the result and of the state that it drew from.
    """

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._seen: dict[tuple[str, int], int] = {}
        self._library_calls: dict[tuple[str, int], LibraryCall | None] = {}
        # Of modules: original and wrapper, by the original's id.
        self._functions: dict[int, tuple[Any, Any]] = {}

    def install(self, when_imported: WhenImported) -> None:
        # The whole table before the first wrapper: making it imports numpy.random, which binds some
        # of these functions by name, and must bind the original ones.
        for call in list(list_watched_calls()):
            self._wrap(call)
        for library, list_calls in LIBRARIES.items():
            when_imported(library, functools.partial(self._wrap_library, list_calls))
        datetimes.replace_now(self._patches, self._now)
        self._rebind()
        if _has_random_hashes():
            self._recorder.emit_entropy(
                HASH_SEED, digest=_NOTHING, before=_NOTHING, shown="", site=0
            )

    def _wrap_library(self, list_calls: Callable[[], Iterable[WatchedCall]]) -> None:
        for call in list_calls():
            self._wrap(call)

    def _wrap(self, call: WatchedCall) -> None:
        original = getattr(call.owner, call.attribute, None)
        if original is None:
            return
        wrapper = self._make_wrapper(call, original)
        if isinstance(call.owner, ModuleType):
            self._functions[id(original)] = original, wrapper
        if call.owner is os:
            self._patches.replace_in_os(call.attribute, wrapper)
        else:
            replace_member(self._patches, call.owner, call.attribute, wrapper)

    def _make_wrapper(self, call: WatchedCall, original: Callable[..., Any]) -> Callable[..., Any]:
        # Bound to names here, because the wrapper of a clock may run a million times.
        name = call.name
        callers = call.callers
        counts = call.counts
        value = call.value
        state_of = call.state

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            site = self._find_site(name, callers)
            if site is None:
                return original(*args, **kwargs)
            state = _NOTHING
            # An argument, or a generator, may be of a class of the program's, whose code fails.
            try:
                if state_of is not None:
                    state = state_of() or _NOTHING  # before the call, which moves it
            except Exception as error:
                self._recorder.note_failure(name, error)
            result = original(*args, **kwargs)
            try:
                if counts is None or counts(args, kwargs):
                    recorded = result if value is None else value(result, args, kwargs)
                    self._record(name, site, state, recorded)
            except Exception as error:
                self._recorder.note_failure(name, error)
            return result

        return wrapper

    def _now(self, name: str, value: Any) -> Any:
        site = self._find_site(name, CallerScope.PROGRAM)
        if site is not None:
            self._record(name, site, _NOTHING, value)
        return value

    def _find_site(self, name: str, callers: CallerScope) -> int | None:
        """Return the location of the call that a wrapper is about to make; None: not recorded."""
        recorder = self._recorder
        if not recorder.listens() or not self._is_theirs(callers):
            return None
        site = recorder.sites.here(3)
        times = self._seen.get((name, site), 0)
        if times >= CALLS_PER_LINE:
            return None
        return site

    def _is_theirs(self, callers: CallerScope) -> bool:
        """Return True if the call comes from one of `callers`."""
        if callers is CallerScope.ANY:
            return True
        frame = outer_frame(3)
        kind_of = self._recorder.sites.kinds.of
        kind = OWN if frame is None else kind_of(frame.f_code)
        if kind == LIBRARY:
            return callers is CallerScope.DIRECT and not is_importing(frame, kind_of)
        return kind == USER

    def _record(self, name: str, site: int, state: tuple[int, int], value: Any) -> None:
        key = (name, site)
        self._seen[key] = self._seen.get(key, 0) + 1
        shown = ""
        digest = _NOTHING
        if value is not None:
            if not isinstance(value, RecordedValue):
                value = _record_by_repr(value)
            shown = value.shown[:_MAX_SHOWN]
            digest = (_xxh64(value.content), 0)
        if key not in self._library_calls:
            kinds = self._recorder.sites.kinds
            self._library_calls[key] = find_library_call(outer_frame(1), name, kinds)
        self._recorder.emit_entropy(
            name,
            digest=digest,
            before=state,
            shown=shown,
            site=site,
            below=self._library_calls[key],
        )

    def _rebind(self) -> None:
        """Give the wrappers to modules of the program that imported a function before torch."""
        wrapped = self._functions.keys()
        for module in list(sys.modules.values()):
            if not isinstance(module, ModuleType):
                continue
            members = list(vars(module).items())
            # A process that has imported torch holds half a million values: most are passed over
            # by this one test.
            if wrapped.isdisjoint([id(value) for _, value in members]):
                continue
            early = [(name, value) for name, value in members if self._has_wrapper(value)]
            if early and _is_of_program(module):
                for name, value in early:
                    _, wrapper = self._functions[id(value)]
                    self._patches.replace(module, name, wrapper)

    def _has_wrapper(self, value: Any) -> bool:
        """Return True if the value is a function that was wrapped where its module has it."""
        found = self._functions.get(id(value))
        if found is None:
            return False
        original, _ = found
        return original is value


def _has_random_hashes() -> bool:
    """Return True if this process draws the seed of string hashes by chance."""
    if not sys.flags.hash_randomization:
        return False
    seed = os.environ.get(HASH_SEED, "random")
    return seed in ("", "random")


def is_importing(frame: FrameType | None, kind_of: Callable[[CodeType], int]) -> bool:
    """Return True below an import.

    What a library draws for itself while it is imported differs from run to run, and is mostly
    never used.
    """
    while frame is not None:
        code = frame.f_code
        if kind_of(code) == USER:
            return False
        if code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_of_program(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    if not isinstance(path, str):
        return False
    code = compile("", path, "exec")
    # Not the recorder's own table: code objects that differ in their file alone are equal.
    kinds = FrameKinds()
    return kinds.of(code) == USER


def _record_by_repr(value: Any) -> RecordedValue:
    shown = repr(value)[:MAX_REPR]
    return RecordedValue(shown, shown.encode(errors="backslashreplace"))
