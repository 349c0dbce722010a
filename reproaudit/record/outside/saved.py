"""What the program saves: tensors by their content, as they are handed to the call that saves them.

Nothing is read back: files hold times, random names and orders that say nothing of their tensors.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

from reproaudit.model.events import EventKind, Phase, Unchecked
from reproaudit.record.boundary.saved_contents import (
    TooManyValues,
    convert_numbers,
    find_saved_tensors,
)
from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.files import beginning_of, temporary_folder
from reproaudit.record.session import Recorder
from reproaudit.trace.words import SAVED_IN

WhenImported = Callable[[str, Callable[[], None]], None]
_Finder = Callable[[Any], Iterator[tuple[str, torch.Tensor]]]

_fspath = os.fspath
_fsdecode = os.fsdecode
_realpath = own_paths.realpath

# Modules whose calls are wrapped once they are imported.
LATE_MODULES = ("safetensors.torch", "safetensors.numpy", "numpy")
# They make up the names of files and folders; TemporaryDirectory calls the first.
_MAKE_NAMES = ("mkdtemp", "mkstemp", "NamedTemporaryFile")
_PATH_TYPES = (str, bytes, os.PathLike)
# What differs from run to run in the names of files and folders: such files are compared by what
# they hold.
_PASSING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # uuid
    r"|(?<![A-Za-z0-9])tmp[a-z0-9_]{8}(?![A-Za-z0-9])"  # tempfile
    r"|\d{4}[-_.]\d\d?[-_.]\d\d?|\d\d?[-_:.h]\d\d[-_:.m]\d\d"  # date, time
    r"|(?<![A-Za-z])(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\d\d?"
    r"|\d{5,}"  # seconds, process
    r"|(?<![A-Za-z0-9])(?=[0-9a-f]*\d)[0-9a-f]{8,}(?![A-Za-z0-9])"  # digest
    r"|(?<![A-Za-z0-9])(?=[a-z0-9]*\d[a-z])[a-z0-9]{8}(?![A-Za-z0-9])"  # made-up id
)


class Saved:
    """Wraps the calls that save tensors.

    A file has a number, and each save of it: what is overwritten later is not what the program
    leaves. Buffers in memory share the numbers of those that are gone.
    """

    def __init__(self, recorder: Recorder, boundaries: Boundaries, patches: Patches) -> None:
        self._recorder = recorder
        self._boundaries = boundaries
        self._patches = patches
        self._files: dict[str, int] = {}  # numbers, by the real path
        self._buffers: list[tuple[int, weakref.ref[Any] | None]] = []
        self._saves: dict[int, int] = {}  # how often, by number
        self._temporary = beginning_of(temporary_folder())
        self._made_up: set[str] = set()  # last parts of the paths that `tempfile` gave

    def install(self, when_imported: WhenImported) -> None:
        """Wrap what is there, and the rest once it is imported."""
        self._wrap(torch, "save", ("obj", "f"), where="f", find=find_saved_tensors)
        for name in _MAKE_NAMES:
            self._watch_names(name)
        for name in LATE_MODULES:
            when_imported(name, functools.partial(self._wrap_module, name))

    def _watch_names(self, name: str) -> None:
        original = getattr(tempfile, name)

        @functools.wraps(original)
        def make(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            path = made[1] if type(made) is tuple else getattr(made, "name", made)
            if isinstance(path, (str, bytes)):
                self._made_up.add(own_paths.basename(_fsdecode(path)))
            return made

        self._patches.replace(tempfile, name, make)

    def _wrap_module(self, name: str) -> None:
        module = sys.modules.get(name)
        if module is None:
            return
        if name == "numpy":
            self._wrap(module, "save", ("file", "arr"), where="file", find=_find_in_array)
            self._wrap_archive(module, "savez")
            self._wrap_archive(module, "savez_compressed")
            return
        what = "tensors" if name == "safetensors.torch" else "tensor_dict"
        order = (what, "filename")
        self._wrap(module, "save_file", order, where="filename", find=find_saved_tensors)

    def _wrap(
        self, owner: Any, name: str, order: tuple[str, str], *, where: str, find: _Finder
    ) -> None:
        """Wrap a function whose first two arguments, called so, are an object and a file.

        The one called `where` is the file.
        """
        original = getattr(owner, name, None)
        if original is None:
            return
        (what,) = set(order) - {where}

        @functools.wraps(original)
        def save(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            given = {**kwargs, **dict(zip(order, args, strict=False))}
            if what in given and where in given:
                self._record(given[where], find, given[what])
            return result

        self._patches.replace(owner, name, save)

    def _wrap_archive(self, owner: Any, name: str) -> None:
        original = getattr(owner, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def save(file: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(file, *args, **kwargs)
            arrays = {f"arr_{number}": array for number, array in enumerate(args)}
            arrays |= {key: array for key, array in kwargs.items() if key != "allow_pickle"}
            self._record(file, _find_in_archive, arrays)
            return result

        self._patches.replace(owner, name, save)

    # -- recording

    def _record(self, file: Any, find: _Finder, value: Any) -> None:
        """Record the tensors of what was saved. Never raises: the program's own call succeeded."""
        recorder = self._recorder
        state = recorder.state
        # A forked child that does not train has no trace that could be compared.
        if not recorder.active or state.inside:
            return
        state.inside = True
        name = "something"
        try:
            name, number = self._identify(file)
            save = self._saves.get(number, 0) + 1
            self._saves[number] = save
            site = recorder.sites.here(3)
            for key, tensor in find(value):
                full = f"{name}{SAVED_IN}{key}" if key else name
                self._boundaries.record(
                    EventKind.SAVED,
                    state.phase or Phase.OPTIMIZER,
                    full,
                    tensor,
                    site=site,
                    saved=(number, save),
                )
        except TooManyValues:
            recorder.writer.note(
                Unchecked.RECORDING_FAILED,
                f"some of what is saved in {name}",
                "it holds more values than are looked at",
            )
        except Exception as error:
            # Paths and tensors may be of any class, and run any code.
            recorder.note_failure(f"saved {name}", error)
        finally:
            state.inside = False

    def _identify(self, file: Any) -> tuple[str, int]:
        """Return the name of a file, alike in all runs, and its number."""
        path = file
        if not isinstance(file, _PATH_TYPES):
            path = getattr(file, "name", None)
        if not isinstance(path, _PATH_TYPES):
            return f"<{type(file).__name__}>", self._number_buffer(file)
        real = _fsdecode(_realpath(_fspath(path)))
        number = self._files.get(real)
        if number is None:
            number = self._files[real] = self._next_number()
        parts = self._show(real).split(os.sep)
        return os.sep.join(map(self._mask, parts)), number

    def _mask(self, name: str) -> str:
        """Return a part of a path; one that chance had a hand in without all but its suffix.

        The rest of such a name may be a random number as well, of a form that nobody foresaw.
        """
        if name not in self._made_up and not _PASSING.search(name):
            return name
        _, suffix = own_paths.splitext(name)
        if _PASSING.search(suffix):
            suffix = ""
        return f"*{suffix}"

    def _next_number(self) -> int:
        return len(self._files) + len(self._buffers) + 1

    def _number_buffer(self, buffer: Any) -> int:
        """Return the number of a buffer: its own, one whose buffer is gone, or a new one."""
        free: int | None = None
        for place, (number, reference) in enumerate(self._buffers):
            known = reference() if reference is not None else None
            if known is buffer:
                return number
            if known is None and free is None:
                free = place
        try:
            own = weakref.ref(buffer)
        except TypeError:
            own = None
        if free is None:
            number = self._next_number()
            self._buffers.append((number, own))
            return number
        number, _ = self._buffers[free]
        self._buffers[free] = (number, own)
        return number

    def _show(self, real: str) -> str:
        """Return a path relative to the program's or the temporary folder, or its last part."""
        shown = self._recorder.sites.shown_data(real)
        if not own_paths.isabs(shown):
            return shown
        if real.startswith(self._temporary):
            return own_paths.join("$TMPDIR", real[len(self._temporary) :])
        return f".../{own_paths.basename(real)}"


def _find_in_array(value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what numpy.save makes of its argument; lists of numbers are arrays to it."""
    numbers = convert_numbers(value)
    if numbers is not None:
        yield "", numbers
        return
    yield from find_saved_tensors(value)


def _find_in_archive(arrays: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in arrays.items():
        for key, tensor in _find_in_array(value):
            yield f"{name}{key}", tensor
