"""Writing files whole or not at all, and reading those that a stranger may have made.

`read_bytes` and `read_text` are the one way to read a file that a person names or a project holds:
they raise Unreadable, and the caller says what it wanted to read. The others are for the files of a
trace, which may be large and are mapped: they raise TraceError.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from reproaudit.codec import Malformed, parse_json
from reproaudit.errors import TraceError

# The tables' 24 MiB, and what else a header has: no recording goes beyond it.
MAX_RUN_FILE_BYTES = 32 << 20

# Bound now: the audited program may replace functions of these modules.
_abspath = os.path.abspath
_close = os.close
_fspath = os.fspath
_fsync = os.fsync
_getpid = os.getpid
_makedirs = os.makedirs
_open = os.open
pwrite = os.pwrite
_readlink = os.readlink
_replace = os.replace
_split = os.path.split
_stat = os.stat
_unlink = os.unlink
encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

# Without O_NONBLOCK, opening a named pipe would wait for somebody at its other end.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE_NEW = _CREATE | os.O_EXCL
_READ_LINKED = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_READ = _READ_LINKED | os.O_NOFOLLOW
_PART_BYTES = 1 << 24  # read at a time
_SOME_BYTES = 1 << 16
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # or a link to nothing
_MOST_NAMES = 10_000  # tried for a temporary file

_numbers = itertools.count(1)


class Unreadable(Exception):
    """A file cannot be read. The text says why, and does not name the file."""


def read_text(path: str | os.PathLike[str], most: int, *, follow_link: bool = True) -> str:
    """Return the UTF-8 text of a regular file, every line end as a newline; see `read_bytes`."""
    try:
        text = read_bytes(path, most, follow_link=follow_link).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: str | os.PathLike[str], most: int, *, follow_link: bool = True) -> bytes:
    """Return the content of a regular file of at most so many bytes.

    Raises FileNotFoundError, and Unreadable for anything else that is in the way, as a link is
    unless it is to be followed. Nothing is waited for.
    """
    with _open_readable(path, follow_link=follow_link) as (descriptor, status):
        if status.st_size > most:
            raise Unreadable(f"it has {status.st_size:,} bytes, and at most {most:,} are read")
        # One byte more shows that the file has grown, or says less than it holds.
        content = _read(descriptor, most + 1)
    if len(content) > most:
        raise Unreadable(f"it has more than {most:,} bytes")
    return content


def read_beginning(path: str | os.PathLike[str], size: int) -> bytes:
    """Return the first bytes of a regular file, fewer if it is shorter. A link is not followed.

    Raises as `read_bytes`.
    """
    with _open_readable(path, follow_link=False) as (descriptor, _):
        return _read(descriptor, size)


@contextmanager
def _open_readable(
    path: str | os.PathLike[str], *, follow_link: bool
) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file; raise FileNotFoundError and Unreadable, also for what fails within."""
    try:
        descriptor = os.open(path, _READ_LINKED if follow_link else _READ)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise Unreadable("it is a folder")
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("it is no regular file")
            yield descriptor, status
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    except (ValueError, MemoryError) as error:  # ValueError: a null character in the path
        raise Unreadable(str(error) or "there is not enough memory") from None


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, min(size, _PART_BYTES))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_at(path: str, data: bytes | memoryview, offset: int, *, truncate: bool = False) -> None:
    """Write `data` at `offset`, creating the file; raise OSError.

    After an interruption it may simply be done again.
    """
    # Opened anew each time: a program that closes descriptors it does not own would make a kept one
    # its own file's.
    descriptor = _open(path, _CREATE | (os.O_TRUNC if truncate else 0), 0o666)
    try:
        view = memoryview(data)
        while len(view):
            written = pwrite(descriptor, view, offset)
            view = view[written:]
            offset += written
    finally:
        _close(descriptor)


def write_whole(
    path: str | os.PathLike[str], data: bytes, *, survives_power_loss: bool = False
) -> None:
    """Make `data` the content of the file, all of it or, if OSError is raised, none."""
    with put_in_place(path) as temporary:
        write_at(temporary, data, 0, truncate=True)
        if survives_power_loss:
            _sync(temporary)


def _sync(path: str) -> None:
    descriptor = _open(path, _CREATE, 0o666)
    try:
        _fsync(descriptor)
    finally:
        _close(descriptor)


@contextmanager
def put_in_place(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give a name in the same folder to write to; what lies there becomes `path` at the end.

    A link in its place is replaced, not followed. If an exception is raised, the old file stays as
    it is and nothing else is left. Raises OSError for a device or a pipe: it would be lost.
    """
    target = _fspath(path)
    require_replaceable(target)
    temporary = _create_beside(target)
    try:
        yield temporary
        _replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            _unlink(temporary)
        raise


def require_replaceable(target: str | os.PathLike[str]) -> None:
    """Raise OSError for a name that no file can have, and for what a file cannot replace."""
    try:
        mode = _stat(target).st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return
        raise
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "it is a folder", target)
    if not stat.S_ISREG(mode) or _is_link_of_system(target):
        raise OSError(errno.EINVAL, "it is no regular file", target)


def _is_link_of_system(target: str | os.PathLike[str]) -> bool:
    """Return True for /dev/stdout and its like: root could replace it, for all processes."""
    try:
        return _readlink(_fspath(target)).startswith(("/proc/", "/dev/", "fd/"))
    except OSError:
        return False


def _create_beside(target: str) -> str:
    """Create an empty file in the folder of `target`; its name is nobody else's."""
    folder, _ = _split(target)
    for _ in range(_MOST_NAMES):
        # No random number is drawn: the audited program may be about to.
        name = f".reproaudit-{_getpid()}-{next(_numbers)}.partial"
        temporary = f"{folder}/{name}" if folder else name
        try:
            _close(_open(temporary, _CREATE_NEW, 0o666))
        except FileExistsError:
            continue
        return temporary
    raise OSError(errno.EEXIST, "the folder is full of temporary files", target)


def create_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a new file for writing, in place of what has its name. A link is not followed."""
    with suppress(FileNotFoundError):
        _unlink(path)
    return os.fdopen(_open(path, _CREATE_NEW, 0o666), "wb")


def send_nowhere(stream: Any) -> None:
    """Send what an open stream still holds, and all that follows, nowhere.

    For one that takes nothing any more: the interpreter flushes the standard ones once more at its
    end, and would fail and say so itself.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def require_room(directory: str | os.PathLike[str]) -> None:
    """Raise OSError unless a file of some size can be written there."""
    # Not at the top: the recorder imports this module, and a program may have one of that name.
    import tempfile

    # Tried, not asked for: only so a quota or a file system that cannot be written shows.
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        left = _SOME_BYTES
        while left > 0:
            # Of what has no room the next write says why: a full disk, a quota, a limit of files.
            written = file.write(bytes(left))
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left -= written


def make_folder(directory: str) -> None:
    _makedirs(directory, exist_ok=True)


def absolute(directory: str | os.PathLike[str]) -> str:
    return _abspath(_fspath(directory))


def legible(value: Any) -> Any:
    """Return the text, or the JSON value, with lone surrogates written out as escapes.

    So it can be printed. Python has them in file names and variables that are not UTF-8.
    """
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [legible(item) for item in value]
    if isinstance(value, dict):
        return {legible(key): legible(item) for key, item in value.items()}
    return value


def open_regular(path: Path) -> tuple[int, int]:
    """Open a regular file for reading and return its descriptor and size.

    Raises TraceError for a symbolic link and for anything else that is no regular file.
    """
    try:
        # A trace must not make us read what lies elsewhere.
        if path.is_symlink():
            raise TraceError(
                f"cannot read {str(path)!r}: it is a symbolic link",
                code="trace-unsafe",
                hint="copy the file that it points to into the trace's folder",
            )
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        raise TraceError(
            f"cannot read {str(path)!r}: there is no such file",
            code="trace-missing",
            hint="name the folder of one run, the one that holds run.json and events.bin",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise TraceError(
            f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}",
            code="trace-unreadable",
            hint="check the permissions of the file, and that it is a file",
        ) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise TraceError(
            f"cannot read {str(path)!r}: it is no regular file",
            code="trace-unsafe",
            hint="record the run again",
        )
    return descriptor, status.st_size


def read_start(path: Path, descriptor: int, size: int) -> bytes:
    """Return the first `size` bytes, fewer if the file is shorter."""
    try:
        return _read(descriptor, size)
    except OSError as error:
        raise TraceError(
            f"cannot read {str(path)!r}: {error.strerror}",
            code="trace-unreadable",
            hint="copy the trace again",
        ) from None


def read_run_file(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`; nothing but its size and its syntax is checked."""
    descriptor, size = open_regular(path)
    try:
        if size > MAX_RUN_FILE_BYTES:
            most = f"{MAX_RUN_FILE_BYTES:,} is the most that a recording writes"
            refuse(path, f"it has {size:,} bytes, and {most}")
        raw = read_start(path, descriptor, size)
    finally:
        os.close(descriptor)
    try:
        found = parse_object(raw)
    except Malformed as fault:
        refuse(path, str(fault))
    return found


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that `raw` is, made legible; raise Malformed if it is none."""
    # Stripped first: the decoder takes a long time to pass over padding.
    raw = _strip_padding(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("it is no UTF-8 text") from None
    # A table of a million rows: no Python code for each.
    found = parse_json(text, keys_once=False)
    # Decoded UTF-8 holds no lone surrogates: they can only come from escapes.
    if b"\\u" in raw:
        found = legible(found)
    if not isinstance(found, dict):
        raise Malformed("it is no JSON object")
    return found


def _strip_padding(raw: bytes) -> bytes:
    """Return the object without the spaces behind it, of which there may be a mebibyte."""
    end = raw.rfind(b"}") + 1
    # Compared, not stripped: `rstrip` looks at one byte after the other.
    return raw[:end] if raw[end:] == b" " * (len(raw) - end) else raw


def refuse(path: Path, why: str) -> NoReturn:
    raise TraceError(
        f"cannot read {str(path)!r}: {why}",
        code="trace-corrupt",
        hint="copy the trace again, or record it again",
    )
