"""What a person wants written: tried before the runs, and kept elsewhere if it fails after them."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.files import require_replaceable, require_room, write_whole


@dataclass(frozen=True, slots=True)
class Destination:
    """A kind of thing that is written: "the report", with the code and the hint of its error."""

    what: str
    code: str
    hint: str

    def try_file(self, path: Path) -> None:
        """Raise UsageError unless a file can be made where the path leads. It is not made."""
        with self.name_failures(path):
            require_replaceable(path)
            _require_room_near(path.absolute().parent)

    def try_folder(self, path: Path) -> None:
        """Raise UsageError unless a folder is there, or can be made, that takes files."""
        with self.name_failures(path):
            _require_room_near(path.absolute())

    def write(self, path: Path, text: str) -> None:
        """Write through a temporary name, so that a failure leaves what was there before.

        What could not be written is kept in a temporary file that the UsageError names.
        """
        try:
            with self.name_failures(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, text.encode("utf-8"), survives_power_loss=True)
        except UsageError as error:
            self.keep_elsewhere(text, path.suffix, error)
            raise

    def keep_elsewhere(self, text: str, suffix: str, error: UsageError) -> None:
        """Write into a new temporary file, and name it in the error: hours of computing may stand
        behind it."""
        try:
            descriptor, path = tempfile.mkstemp(prefix="reproaudit-kept-", suffix=suffix)
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except (OSError, ValueError):  # ValueError: a suffix that no file can have
            return
        error.hint = f"{error.hint}\n  {self.what} is in {path}"

    @contextlib.contextmanager
    def name_failures(self, path: Path) -> Iterator[None]:
        """Raise UsageError for what cannot be written within."""
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"cannot write {self.what} {str(path)!r}: {why}", code=self.code, hint=self.hint
            ) from None


REPRODUCER = Destination(
    "the reproducer", code="reproducer-write", hint="name another folder with --repro"
)
TREE = Destination("the digests into", code="trace-unwritable", hint="name another file with --out")
TRACES = Destination("traces into", code="trace-unwritable", hint="name another folder with --out")


class Failures:
    """Lets all that can be written be written, and tells of every one that could not."""

    def __init__(self) -> None:
        self._first: UsageError | None = None

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Keep a UsageError for later."""
        try:
            yield
        except UsageError as error:
            if self._first is None:
                self._first = error
                return
            _, newline, kept = error.hint.partition("\n")
            self._first.hint += f"\n  {error.message}{newline}{kept}"

    def raise_any(self) -> None:
        """Raise the first UsageError, if there was one; it names the others."""
        if self._first is not None:
            raise self._first


def _require_room_near(folder: Path) -> None:
    """Raise OSError unless the nearest folder that is there takes a file."""
    while not _is_there(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(folder))
    require_room(folder)


def _is_there(folder: Path) -> bool:
    """Raise OSError or ValueError for a name that no folder can have."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
