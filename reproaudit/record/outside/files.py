"""Which files the program opens, and where: an earlier run may have left them for a later one."""

from __future__ import annotations

import functools
import multiprocessing
import os
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from typing import Any

import torch
import xxhash

from reproaudit.model.events import Phase, Unchecked
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import USER
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.trace.words import Access

# Bound now: the program may replace them.
_open = os.open
_read = os.read
_close = os.close
_lstat = os.lstat
_fspath = os.fspath
_fsdecode = os.fsdecode
_realpath = own_paths.realpath

_MAX_FILES = 10_000
_MAX_FILES_IN_CHILD = 256  # each is flushed by itself, because workers are killed without warning
_MAX_DIGESTED_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_MASK = (1 << 64) - 1
_NO_CONTENT = (0, 0)

_CODE = (".py", ".pyc", ".pyi", ".so", ".pth")
_SYSTEM = ("/proc/", "/dev/", "/sys/")
_PARTS = (
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
    f"{os.sep}torchinductor_",
)

# Below these, files are opened for the interpreter's own ends: modules, names of temporary files,
# starts of processes.
_INTERNAL = (
    "<frozen importlib",
    tempfile.__file__,
    own_paths.dirname(multiprocessing.__file__),
)

# An audit hook stays for the life of the process, so there is one, and this is its switch.
_watching: Files | None = None
_is_hooked = False


class Files:
    """Records the first time that the program reads, and that it writes, each file.

    A record holds the name, the absolute path and the content.
    """

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._seen: set[tuple[str, Access]] = set()
        excluded = [
            str(recorder.plan.trace_dir),
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
        ]
        self._excluded = (*_SYSTEM, *map(beginning_of, excluded))
        self._temporary = beginning_of(temporary_folder())

    def install(self) -> None:
        global _watching, _is_hooked
        before = _watching
        _watching = self

        def stop() -> None:
            global _watching
            _watching = before

        self._patches.on_undo(stop)
        if not _is_hooked:
            _is_hooked = True
            sys.addaudithook(_on_audit)
        # Written in C++, where no audit event tells of the file.
        self._patches.replace(torch, "save", self._wrap_save(torch.save))

    def _wrap_save(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def save(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
            self.note_opening(f, Access.WRITE)
            original(obj, f, *args, **kwargs)

        return save

    def note_opening(self, path: Any, *accesses: Access) -> None:
        """Record that the program is about to open `path`.

        Never raises, because that would fail the program's own call.
        """
        recorder = self._recorder
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        if not recorder.listens():
            return
        state = recorder.state
        state.inside = True  # what is opened here comes by the hook again
        try:
            self._record(path, accesses)
        # Not a path, a folder that cannot be read, a file that has gone.
        except (OSError, ValueError) as error:
            recorder.writer.note(
                Unchecked.FILE_UNREADABLE,
                "a file that the program opened",
                f"looking at it failed: {error}",
            )
        # A path of a class of the program's, whose code fails.
        except Exception as error:
            recorder.note_failure("a file that the program opened", error)
        finally:
            state.inside = False

    def _record(self, path: Any, accesses: tuple[Access, ...]) -> None:
        real = _fsdecode(_realpath(_fspath(path)))
        if self._is_beyond(real):
            return
        status = _status(real)
        if status is not None and not stat.S_ISREG(status.st_mode):
            return
        if not self._is_asked_for():
            return
        site = self._recorder.sites.here(4)
        most = _MAX_FILES_IN_CHILD if self._recorder.is_child else _MAX_FILES
        for access in accesses:
            key = (real, access)
            if key in self._seen or len(self._seen) >= most:
                continue
            self._seen.add(key)
            found = access
            content = _NO_CONTENT
            if access == Access.READ:
                if status is None:
                    found = Access.ABSENT
                else:
                    content = _digest_content(real)
            self._emit(real, found, site=site, content=content)

    def _is_beyond(self, real: str) -> bool:
        """Return True for code, system files, and what libraries and the recorder keep."""
        if real.endswith(_CODE) or real.startswith(self._excluded):
            return True
        return any(part in real for part in _PARTS)

    def _is_asked_for(self) -> bool:
        """Return True if a line of the program asked for the file.

        It may ask for a module, a temporary file or a process instead, and Python opens files for
        that.
        """
        frame = outer_frame(4)
        kind_of = self._recorder.sites.kinds.of
        while frame is not None:
            code = frame.f_code
            if kind_of(code) == USER:
                return True
            if code.co_filename.startswith(_INTERNAL):
                return False
            frame = frame.f_back
        return False

    def _emit(self, real: str, access: Access, *, site: int, content: tuple[int, int]) -> None:
        recorder = self._recorder
        recorder.open_child()
        recorder.writer.add_file(
            at=recorder.moment(recorder.state.phase or Phase.DATA, site),
            shown=self._shown(real),
            path=real,
            access=access,
            content=content,
        )
        if recorder.is_child:
            recorder.writer.flush(recorder.step)

    def _shown(self, real: str) -> str:
        """Return the path as it is shown: relative to the program's or the temporary folder."""
        shown = self._recorder.sites.shown_data(real)
        if own_paths.isabs(shown) and real.startswith(self._temporary):
            below = real[len(self._temporary) :]
            return own_paths.join("$TMPDIR", below)
        return shown


def beginning_of(folder: str) -> str:
    """Return how the real paths of all files in the folder begin."""
    return _realpath(folder) + os.sep


def temporary_folder() -> str:
    """Return the folder that `tempfile` would choose."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        named = os.environ.get(name)
        if named:
            return named
    return "/tmp"


def _on_audit(event: str, args: tuple[Any, ...]) -> None:
    if _watching is None:
        return
    if event == "open":
        path, _, flags = args
        accesses = _accesses_of(flags)
        _watching.note_opening(path, *accesses)
    elif event == "os.rename":  # and os.replace: how a file is written whole
        target = args[1]
        _watching.note_opening(target, Access.WRITE)
    elif event == "sqlite3.connect":
        database = args[0]
        if database != ":memory:":
            _watching.note_opening(database, Access.READ, Access.APPEND)


def _accesses_of(flags: int) -> tuple[Access, ...]:
    """Return what a file is opened for, by the flags of the system call."""
    how = flags & os.O_ACCMODE
    if how == os.O_RDONLY:
        return (Access.READ,)
    if flags & os.O_APPEND:
        return (Access.APPEND,)
    if how == os.O_WRONLY or flags & os.O_TRUNC:
        return (Access.WRITE,)
    return (Access.READ, Access.APPEND)


def _status(real: str) -> os.stat_result | None:
    """Return what is there; None if nothing is. OSError if it cannot be known."""
    try:
        return _lstat(real)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _digest_content(real: str) -> tuple[int, int]:
    """Return the digest of a regular file; zero if it is too large."""
    if _lstat(real).st_size > _MAX_DIGESTED_BYTES:
        return _NO_CONTENT
    digest = xxhash.xxh3_128()
    descriptor = _open(real, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while chunk := _read(descriptor, _CHUNK_BYTES):
            digest.update(chunk)
    finally:
        _close(descriptor)
    value = digest.intdigest()
    return value & _MASK, value >> 64
