"""Thin wrappers around the calls that bring the outside world into a program. Results are passed on
unchanged."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType, ModuleType
from typing import Any

import xxhash

from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import LIBRARY, OWN, USER, FrameKinds
from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside import datetimes
from reproaudit.record.outside.sources import MAX_REPR, Callers, Source, Told, sources
from reproaudit.record.session import Recorder
from reproaudit.trace.words import HASH_SEED

_xxh64 = xxhash.xxh3_64_intdigest
_MAX_PER_SITE = (
    64  # calls recorded per name and line: the first ones tell whether a stream was equal
)
_MAX_SHOWN = 60
_NOTHING = (0, 0)


class Entropy:
    """Installs the wrappers; each records name, user line, a digest of the result and of the state
    drawn from."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._seen: dict[tuple[str, int], int] = {}
        self._functions: dict[
            int, tuple[Any, Any]
        ] = {}  # of modules: original and wrapper, by the original's id

    def install(self) -> None:
        for source in list(
            sources()
        ):  # all of them first: the table imports numpy.random, which binds some by name
            self._wrap(source)
        datetimes.replace_now(self._patches, self._now)
        self._rebind()
        if sys.flags.hash_randomization and os.environ.get(HASH_SEED, "random") in ("", "random"):
            self._recorder.emit_entropy(
                HASH_SEED, digest=_NOTHING, before=_NOTHING, shown="", site=0
            )

    def _wrap(self, source: Source) -> None:
        original = getattr(source.owner, source.attribute, None)
        if original is None:
            return
        counts, value, state_of = source.counts, source.value, source.state

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            site = self._site(source.name, source.callers)
            if site is None:
                return original(*args, **kwargs)
            state = (state_of() or _NOTHING) if state_of is not None else _NOTHING
            result = original(*args, **kwargs)
            if counts is None or counts(args, kwargs):
                self._tell(
                    source.name,
                    site,
                    state,
                    result if value is None else value(result, args, kwargs),
                )
            return result

        if isinstance(source.owner, ModuleType):
            self._functions[id(original)] = original, wrapper
        if source.owner is os:
            self._patches.replace_in_os(source.attribute, wrapper)
        else:
            replace_member(self._patches, source.owner, source.attribute, wrapper)

    def _now(self, name: str, value: Any) -> Any:
        site = self._site(name, Callers.PROGRAM)
        if site is not None:
            self._tell(name, site, _NOTHING, value)
        return value

    def _site(self, name: str, callers: Callers) -> int | None:
        """Return the location of the call that the calling wrapper is about to make; None if it is
        not recorded."""
        recorder = self._recorder
        if not recorder.listens() or not self._is_theirs(callers):
            return None
        site = recorder.sites.here(3)
        return site if self._seen.get((name, site), 0) < _MAX_PER_SITE else None

    def _is_theirs(self, callers: Callers) -> bool:
        if callers is Callers.ANY:
            return True
        frame, kind_of = outer_frame(3), self._recorder.sites.kinds.of
        kind = OWN if frame is None else kind_of(frame.f_code)
        if kind == LIBRARY:
            return callers is Callers.DIRECT and not _is_importing(frame, kind_of)
        return kind == USER

    def _tell(self, name: str, site: int, state: tuple[int, int], told: Any) -> None:
        self._seen[name, site] = self._seen.get((name, site), 0) + 1
        if told is None:
            shown, digest = "", _NOTHING
        else:
            told = told if isinstance(told, Told) else _told(told)
            shown, digest = told.shown, (_xxh64(told.content), 0)
        self._recorder.emit_entropy(
            name, digest=digest, before=state, shown=shown[:_MAX_SHOWN], site=site
        )

    def _rebind(self) -> None:
        """Give the wrappers to modules of the program that imported a function by name before
        PyTorch."""
        wrapped = self._functions.keys()
        for module in list(sys.modules.values()):
            # There are half a million values in a process that has imported torch: most are passed
            # over here.
            if not isinstance(module, ModuleType) or wrapped.isdisjoint(
                map(id, list(vars(module).values()))
            ):
                continue
            early = [
                (name, self._functions[id(value)])
                for name, value in vars(module).items()
                if self._wraps(value)
            ]
            if early and _is_program(module):
                for name, (_, wrapper) in early:
                    self._patches.replace(module, name, wrapper)

    def _wraps(self, value: Any) -> bool:
        found = self._functions.get(id(value))
        return found is not None and found[0] is value


def _is_importing(frame: FrameType | None, kind_of: Callable[[CodeType], int]) -> bool:
    """True below an import: what a library makes for itself then is another in each run, and mostly
    never used."""
    while frame is not None and kind_of(frame.f_code) != USER:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_program(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    # Not the recorder's own table: code objects that differ in their file alone are equal.
    return isinstance(path, str) and FrameKinds().of(compile("", path, "exec")) == USER


def _told(value: Any) -> Told:
    shown = repr(value)[:MAX_REPR]
    return Told(shown, shown.encode(errors="backslashreplace"))
