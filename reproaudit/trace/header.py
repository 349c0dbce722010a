"""Checks every field of a trace's `run.json`, which may be corrupt or made by a stranger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from operator import contains as _contains
from pathlib import Path
from typing import Any, cast

from reproaudit.errors import TraceError
from reproaudit.files import read_run_file, refuse
from reproaudit.model.events import Level, OutcomeKind, Unchecked
from reproaudit.trace.schema import (
    EVENT_FIELDS,
    FORMAT_VERSION,
    MAGIC,
    NO_RANK,
    RUN_FILE,
    ChangeRow,
    LocationRow,
    NoteRow,
    OutcomeRow,
    ProcessRow,
    WholeHeader,
)

_INT32, _INT64 = 1 << 31, 1 << 63


def read_header(directory: Path) -> WholeHeader:
    """Return the checked header of the trace in a folder, of which nothing else is read.

    Raises TraceError if it cannot be used.
    """
    path = directory / RUN_FILE
    return check_header(path, read_run_file(path))


def check_header(path: Path, found: dict[str, Any]) -> WholeHeader:
    """Return what `run.json` holds, each field checked; fields that the format does not have are
    left out."""
    if found.get("magic") != MAGIC:
        refuse(path, "it is no reproaudit trace")
    version = found.get("format")
    if not _is_count(version, _INT64):
        refuse(path, "it does not say which format it has")
    if version != FORMAT_VERSION:
        raise TraceError(
            f"cannot read {str(path)!r}: trace format {version}, "
            f"this reproaudit reads {FORMAT_VERSION}",
            code="trace-version",
            hint="record it again, or use the reproaudit that wrote it",
        )
    for field, is_valid in _FIELDS.items():
        if field not in found or not is_valid(found[field]):
            refuse(path, f"its field {field!r} is missing or not what it should be")
    if any(row["location"] >= len(found["locations"]) for row in found["changes"]):
        refuse(path, "a change of settings names a location that is not in its table")
    return cast(WholeHeader, {field: found[field] for field in WholeHeader.__annotations__})


def _is_count(value: object, below: int) -> bool:
    return type(value) is int and 0 <= value < below


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and _all_are(str, value)


def _is_table(value: object) -> bool:
    return _is_texts(value) and bool(value)


def _all_are(kind: type, values: Iterable[object]) -> bool:
    """True if each value is of exactly this type; a stranger's table has a million, so no Python
    code per value."""
    return not set(map(type, values)) - {kind}


def _is_rows(value: object, row_type: type, *counts: str) -> bool:
    """True for a list of objects that have exactly the row type's fields: texts, and the counts
    that are named."""
    fields = row_type.__annotations__
    if (
        not isinstance(value, list)
        or not _all_are(dict, value)
        or set(map(len, value)) - {len(fields)}
    ):
        return False
    for field in fields:
        if not all(map(_contains, value, repeat(field))):
            return False
        column = [row[field] for row in value]
        if not _all_are(int if field in counts else str, column):
            return False
        if field in counts and column and not 0 <= min(column) <= max(column) < _INT32:
            return False
    return True


def _is_outcome(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != OutcomeRow.__annotations__.keys():
        return False
    code = value["code"]
    return (
        value["kind"] in tuple(OutcomeKind)
        and (code is None or (type(code) is int and -_INT32 <= code < 2 * _INT32))
        and isinstance(value["detail"], str)
    )


def _is_process(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != ProcessRow.__annotations__.keys():
        return False
    rank = value["rank"]
    return (
        type(rank) is int
        and NO_RANK <= rank < _INT32
        and _is_count(value["world"], _INT32)
        and _is_count(value["restart"], _INT32)
        and type(value["is_launcher"]) is bool
    )


_CODES = frozenset(code.value for code in Unchecked)


def _has_known_code(note: NoteRow) -> bool:
    return note["code"] in _CODES


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "magic": _is_text,
    "format": lambda value: _is_count(value, _INT64),
    "reproaudit": _is_text,
    "level": lambda value: value in tuple(Level),
    "subject": _is_text,
    "command": _is_texts,
    "settings": lambda value: isinstance(value, dict),
    "environment": lambda value: isinstance(value, dict) and _is_texts(list(value.values())),
    "process": _is_process,
    "event_dtype": lambda value: value == EVENT_FIELDS,
    "strings": _is_table,
    "locations": lambda value: bool(value) and _is_rows(value, LocationRow, "line", "cell"),
    "threads": _is_table,
    "steps": lambda value: _is_count(value, _INT32),
    "events": lambda value: _is_count(value, _INT64),
    "outcome": _is_outcome,
    "changes": lambda value: _is_rows(value, ChangeRow, "location"),
    "notes": lambda value: _is_rows(value, NoteRow) and all(map(_has_known_code, value)),
}
