"""What a program saves to go on from: which pieces of its training state the file holds."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from reproaudit.model.question import StateKind
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.callsite import LIBRARY, USER
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.session import Recorder
from reproaudit.record.training_state.contents import Contents, index_contents
from reproaudit.record.training_state.pieces import Pieces, Reading
from reproaudit.trace.words import StateMoment

_getframe = sys._getframe
_fspath, _fsdecode = os.fspath, os.fsdecode
_PATH_TYPES = (str, bytes, os.PathLike)


class _NamedSave(NamedTuple):
    """A method that saves through a buffer, whose file only it knows: an argument of it."""

    module: str
    kind: str
    method: str
    argument: str


_NAMED_SAVES = (
    _NamedSave("lightning.pytorch.trainer.trainer", "Trainer", "save_checkpoint", "filepath"),
    _NamedSave("pytorch_lightning.trainer.trainer", "Trainer", "save_checkpoint", "filepath"),
)
_MOST_FRAMES = 64
# Kinds of which a file holds all pieces or none that counts.
_WHOLE = (StateKind.PARAMETERS, StateKind.BUFFERS)


class Checkpoints:
    """Wraps the calls that save and load what a program goes on from.

    `read_all` yields all pieces of state as they are.
    """

    def __init__(
        self,
        recorder: Recorder,
        pieces: Pieces,
        patches: Patches,
        read_all: Callable[[], Iterator[Reading]],
    ) -> None:
        self._recorder = recorder
        self._pieces = pieces
        self._patches = patches
        self._read_all = read_all
        self._saves = 0
        self._path = ""  # that a library saves to through a buffer
        self._is_saving = False

    def install(self, when_imported: WhenImported) -> None:
        self._wrap_save(torch, "save", ("obj", "f"), "torch.save")
        self._wrap_load(torch, "load", "f", "torch.load")
        # A program that keeps its counters or the states of streams beside the tensors.
        self._wrap_save(pickle, "dump", ("obj", "file"), "pickle.dump", by_program=True)
        self._wrap_save(json, "dump", ("obj", "fp"), "json.dump", by_program=True)
        when_imported("safetensors.torch", self._watch_safetensors)
        when_imported("torch.distributed.checkpoint", self._watch_distributed)
        for save in _NAMED_SAVES:
            when_imported(save.module, functools.partial(self._name_saves, save))

    def _watch_safetensors(self) -> None:
        owner = sys.modules["safetensors.torch"]
        self._wrap_save(owner, "save_file", ("tensors", "filename"), "safetensors")
        self._wrap_load(owner, "load_file", "filename", "safetensors")

    def _watch_distributed(self) -> None:
        owner = sys.modules["torch.distributed.checkpoint"]
        order = ("state_dict", "checkpoint_id")
        self._wrap_save(owner, "save", order, "torch.distributed.checkpoint")
        self._wrap_load(owner, "load", "checkpoint_id", "torch.distributed.checkpoint", place=1)

    def _name_saves(self, known: _NamedSave) -> None:
        owner = getattr(sys.modules[known.module], known.kind, None)
        original = getattr(owner, known.method, None)
        if original is None:
            return

        @functools.wraps(original)
        def save(item: Any, *args: Any, **kwargs: Any) -> Any:
            before = self._path
            given = args[0] if args else kwargs.get(known.argument)
            self._path = self._show(given)
            try:
                return original(item, *args, **kwargs)
            finally:
                self._path = before

        self._patches.replace(owner, known.method, save)

    # -- saving

    def _wrap_save(
        self,
        owner: Any,
        name: str,
        order: tuple[str, str],
        writer: str,
        *,
        by_program: bool = False,
    ) -> None:
        """Wrap a function whose arguments, called so, are an object and where it is saved."""
        original = getattr(owner, name, None)
        if original is None:
            return
        what, where = order

        @functools.wraps(original)
        def save(*args: Any, **kwargs: Any) -> Any:
            sites = self._recorder.sites
            is_watched = self._pieces.listens() and not self._is_saving
            if by_program and is_watched:
                is_watched = sites.is_direct(program_only=True)
            if not is_watched:
                return original(*args, **kwargs)
            # What it saves by other calls that are wrapped is a part of it.
            self._is_saving = True
            try:
                result = original(*args, **kwargs)
            finally:
                self._is_saving = False
            given = {**kwargs, **dict(zip(order, args, strict=False))}
            if what in given:
                site = sites.here()
                with Guest(self._recorder, "what a checkpoint holds"):
                    target = given.get(where)
                    if target is None:
                        target = _find_storage(given)
                    self._record(given[what], target, writer=writer, site=site)
            return result

        self._patches.replace(owner, name, save)

    def _record(self, value: Any, where: Any, *, writer: str, site: int) -> None:
        contents = index_contents(value)
        held = list(self._list_held(contents))
        if not held:
            return
        self._saves += 1
        for reading in held:
            self._pieces.tell_held(reading, site=site, file=self._saves)
        library = self._find_library()
        shown = f"{library} ({writer})" if library else writer
        path = self._path or self._show(where)
        self._pieces.mark(StateMoment.SAVED, site=site, path=path, writer=shown, file=self._saves)

    def _list_held(self, contents: Contents) -> Iterator[Reading]:
        """Yield the pieces that the contents hold. Of parameters and buffers most must be there."""
        groups: dict[StateKind, list[Reading]] = {kind: [] for kind in _WHOLE}
        for reading in self._read_all():
            if reading.kind in groups:
                groups[reading.kind].append(reading)
            elif _is_held(reading, contents):
                yield reading
        for readings in groups.values():
            held = [reading for reading in readings if _is_held(reading, contents)]
            if 2 * len(held) >= len(readings):
                yield from held

    def _find_library(self) -> str:
        """Return the library that the program had save for it; "" if it saved itself."""
        frame = _getframe(1)
        found = ""
        for _ in range(_MOST_FRAMES):
            above = frame.f_back
            if above is None:
                break
            frame = above
            kind = self._recorder.sites.kinds.of(frame.f_code)
            if kind == USER:
                break
            if kind == LIBRARY:
                name = frame.f_globals.get("__name__", "")
                found = str(name).partition(".")[0]
        return found

    # -- loading

    def _wrap_load(self, owner: Any, name: str, where: str, writer: str, *, place: int = 0) -> None:
        """Wrap a function whose argument `where`, or the one at `place`, is what is loaded."""
        original = getattr(owner, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def load(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if self._pieces.listens():
                site = self._recorder.sites.here()
                with Guest(self._recorder, "what is loaded"):
                    given = kwargs.get(where)
                    if given is None:
                        given = args[place] if len(args) > place else _find_storage(kwargs)
                    path = self._show(given)
                    self._pieces.mark(StateMoment.LOADED, site=site, path=path, writer=writer)
            return result

        self._patches.replace(owner, name, load)

    def _show(self, where: Any) -> str:
        """Return a path as reports show it; the class of what has none."""
        path = where
        if not isinstance(where, _PATH_TYPES):
            path = getattr(where, "name", None)
        if isinstance(where, io.BytesIO) or not isinstance(path, _PATH_TYPES):
            return f"<{type(where).__name__}>"
        real = _fsdecode(own_paths.realpath(_fspath(path)))
        return self._recorder.sites.shown_data(real)


def _find_storage(given: dict[str, Any]) -> Any:
    """Return where a writer or a reader that was given keeps its files; None if none was."""
    storage = given.get("storage_writer", given.get("storage_reader"))
    return getattr(storage, "path", None)


def _is_held(reading: Reading, contents: Contents) -> bool:
    if reading.kind is StateKind.SAMPLER_EPOCH:
        return contents.has_value("epoch", reading.digest)
    if reading.kind is StateKind.PYTHON_VALUE:
        return contents.has_value(reading.name, reading.digest)
    return bool(reading.signs) and reading.signs <= contents.digests
