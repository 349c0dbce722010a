"""The log of a sweep: one JSON object per line, appended as cells finish.

A sweep that was stopped goes on where its log ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reproaudit.atlas.cells import FORMAT
from reproaudit.codec import parse_json
from reproaudit.errors import ReproauditError
from reproaudit.files import Unreadable, read_bytes

Record = dict[str, Any]
_MOST_BYTES = 512 << 20
# Of the environment, what makes cells of two sweeps one table or not.
_DECIDING = ("torch", "platform", "cpu capability", "cpu cores", "gpu", "cuda")


class Log:
    """Records of cells by name. What is added about a cell later joins what is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head: Record = {}
        self.cells: dict[str, Record] = {}
        with self._failures():
            # A link is not followed: what it leads to would be cut and written to.
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a symbolic link")
            self._read()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def begin(self, environment: Mapping[str, str], request: Mapping[str, Any]) -> None:
        """Write the first line, or compare the environment with the one that is there.

        Raises ReproauditError if cells of both would not belong in one table.
        """
        if not self.head:
            self.head = {
                "atlas": FORMAT,
                "environment": dict(environment),
                "request": dict(request),
            }
            self._append(self.head)
            return
        before = self.head["environment"]
        changed = [name for name in _DECIDING if before.get(name) != environment.get(name)]
        if changed or self.head["request"]["device"] != request["device"]:
            changes = [
                f"{name} {before.get(name)} then, {environment.get(name)} now" for name in changed
            ]
            shown = ", ".join(changes) or "another device"
            raise ReproauditError(
                f"{self.path.name} was begun in another environment: {shown}",
                code="atlas-environment",
                hint="name another folder with --out",
            )

    def add(self, record: Record) -> None:
        """Append a record of a cell."""
        self._join(record)
        self._append(record)

    def close(self) -> None:
        # A disk that was full when a line was written still is.
        with contextlib.suppress(OSError):
            self._file.close()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise ReproauditError for what cannot be written within."""
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            raise ReproauditError(
                f"cannot write {str(self.path)!r}: {getattr(error, 'strerror', None) or error}",
                code="report-write",
                hint="name another folder with --out; the same command goes on with what is there",
            ) from None

    def _join(self, record: Record) -> None:
        name = record["cell"]
        self.cells[name] = {**self.cells.get(name, {}), **record}

    def _append(self, record: Record) -> None:
        with self._failures():
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()

    def _read(self) -> None:
        """Read what is there.

        A last line that was not finished is cut off: the process was stopped while it wrote.
        Raises ReproauditError for any other line that is wrong.
        """
        try:
            data = read_bytes(self.path, _MOST_BYTES)
        except FileNotFoundError:
            return
        except Unreadable as error:
            raise ReproauditError(
                f"cannot read {str(self.path)!r}: {error}",
                code="atlas-log",
                hint="name another folder with --out",
            ) from None
        end = data.rfind(b"\n") + 1
        if end != len(data):
            os.truncate(self.path, end)
        # Of bytes: in text a line would also end at U+2028 and its like, which an error may hold.
        for number, raw in enumerate(data[:end].splitlines(), 1):
            line = raw.decode("utf-8", "replace")
            try:
                record = parse_json(line)
                if number == 1:
                    self.head = self._read_head(record)
                else:
                    self._join(record)
            except (ValueError, KeyError, TypeError):
                raise ReproauditError(
                    f"{self.path.name} line {number} is not what an atlas writes",
                    code="atlas-log",
                    hint="remove the line, or name another folder with --out",
                ) from None

    def _read_head(self, record: Record) -> Record:
        if record["atlas"] != FORMAT:
            raise ReproauditError(
                f"{self.path.name} has format {record['atlas']}, this reproaudit reads {FORMAT}",
                code="atlas-log",
                hint="name another folder with --out",
            )
        return {
            "environment": dict(record["environment"]),
            "request": dict(record["request"]),
            "atlas": FORMAT,
        }
