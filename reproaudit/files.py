"""Reading and writing the files of a trace: what a stranger may have put there is read safely,
writes can be redone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from reproaudit.errors import TraceError

MAX_RUN_FILE_BYTES = (
    32 << 20
)  # the tables' 24 MiB, and what else a header has: beyond it no recording goes

# Bound now: the audited program may replace functions of these modules.
_abspath, _close, _dirname, _fspath = os.path.abspath, os.close, os.path.dirname, os.fspath
_makedirs, _open, _pwrite, _replace, _unlink = (
    os.makedirs,
    os.open,
    os.pwrite,
    os.replace,
    os.unlink,
)
encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def write_at(path: str, data: bytes | memoryview, offset: int, *, truncate: bool = False) -> None:
    """Write `data` at `offset`, creating the file; raise OSError. After an interruption it may
    simply be done again."""
    # Opened anew each time: a program that closes descriptors it does not own would make a kept one
    # its own file's.
    descriptor = _open(path, _CREATE | (os.O_TRUNC if truncate else 0), 0o666)
    try:
        view = memoryview(data)
        while len(view):
            written = _pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written
    finally:
        _close(descriptor)


def replace(path: str, data: bytes) -> None:
    """Make `data` the content of the file, all of it or, if OSError is raised, none."""
    temporary = path + ".tmp"
    write_at(temporary, data, 0, truncate=True)
    _replace(temporary, path)


def make_folder(directory: str) -> None:
    _makedirs(directory, exist_ok=True)


def absolute(directory: str | os.PathLike[str]) -> str:
    return _abspath(_fspath(directory))


def legible(value: Any) -> Any:
    """Return the text, or the JSON value, with lone surrogates written out as escapes, so that it
    can be printed.

    Python has them in file names and environment variables that are not UTF-8.
    """
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
        )
    if isinstance(value, list):
        return [legible(item) for item in value]
    if isinstance(value, dict):
        return {legible(key): legible(item) for key, item in value.items()}
    return value


def open_regular(path: Path) -> tuple[int, int]:
    """Open a regular file for reading and return its descriptor and size. Symbolic links are
    refused."""
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
    """Return the JSON object in `path` as it stands; nothing but its size and its syntax is
    checked."""
    descriptor, size = open_regular(path)
    try:
        if size > MAX_RUN_FILE_BYTES:
            refuse(
                path,
                f"it has {size:,} bytes, and {MAX_RUN_FILE_BYTES:,} is the most that a recording writes",
            )
        raw = read_start(path, descriptor, size)
    finally:
        os.close(descriptor)
    try:
        found = parse_object(raw)
    except ValueError as error:
        refuse(path, str(error))
    return found


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that `raw` is, made legible; raise ValueError if it is anything else."""
    try:
        # Stripped first: the decoder takes a long time to pass over padding.
        found = json.loads(raw.rstrip(b" ").decode("utf-8"), parse_constant=_no_number)
        # Decoded UTF-8 holds no lone surrogates: they can only come from escapes.
        found = legible(found) if b"\\u" in raw else found
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at byte {error.pos:,}") from None
    except (RecursionError, MemoryError):
        raise ValueError("it is nested too deeply, or too large") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def refuse(path: Path, why: str) -> NoReturn:
    raise TraceError(
        f"cannot read {str(path)!r}: {why}",
        code="trace-corrupt",
        hint="copy the trace again, or record it again",
    )


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
