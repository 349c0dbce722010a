"""Writing files whole or not at all, and reading those that a stranger may have made.

The readers are for the files of a trace: they raise TraceError.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from reproaudit.codec import Malformed, parse_json
from reproaudit.errors import TraceError

# The tables' 24 MiB, and what else a header has: no recording goes beyond it.
MAX_RUN_FILE_BYTES = 32 << 20

# Bound now: the audited program may replace functions of these modules.
_abspath = os.path.abspath
_close = os.close
_exists = os.path.lexists
_fspath = os.fspath
_makedirs = os.makedirs
_open = os.open
pwrite = os.pwrite
_replace = os.replace
_unlink = os.unlink
encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


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


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Make `data` the content of the file, all of it or, if OSError is raised, none."""
    with put_in_place(path) as temporary:
        write_at(temporary, data, 0, truncate=True)


@contextmanager
def put_in_place(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give a name in the same folder to write to; what lies there becomes `path` at the end.

    If an exception is raised, the old file stays as it is and nothing else is left.
    """
    target = _fspath(path)
    temporary = target + ".partial"
    try:
        yield temporary
        _replace(temporary, target)
    except BaseException:
        if _exists(temporary):
            _unlink(temporary)
        raise


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
    parts = []
    try:
        while size > 0 and (part := os.read(descriptor, min(size, 1 << 24))):
            parts.append(part)
            size -= len(part)
    except OSError as error:
        raise TraceError(
            f"cannot read {str(path)!r}: {error.strerror}",
            code="trace-unreadable",
            hint="copy the trace again",
        ) from None
    return b"".join(parts)


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
    try:
        # Stripped first: the decoder takes a long time to pass over padding.
        text = raw.rstrip(b" ").decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("it is no UTF-8 text") from None
    # A table of a million rows: no Python code for each.
    found = parse_json(text, keys_once=False)
    # Decoded UTF-8 holds no lone surrogates: they can only come from escapes.
    if b"\\u" in raw:
        try:
            found = legible(found)
        except RecursionError:
            raise Malformed("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise Malformed("it is no JSON object")
    return found


def refuse(path: Path, why: str) -> NoReturn:
    raise TraceError(
        f"cannot read {str(path)!r}: {why}",
        code="trace-corrupt",
        hint="copy the trace again, or record it again",
    )
