"""Reads a result from the file that it was saved in."""

from __future__ import annotations

import os

from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_text
from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import MOST_RESULT_BYTES, from_json


def read_result(path: str | os.PathLike[str]) -> AuditResult:
    """Return the result that `--report json=PATH` wrote.

    Raises UsageError (result-missing, result-unreadable) if the file cannot be read, and
    ReproauditError (result-version, result-corrupt) for any other content.
    """
    name = os.fspath(path)
    try:
        text = read_text(name, MOST_RESULT_BYTES)
    except FileNotFoundError:
        raise UsageError(
            f"cannot read {name!r}: there is no such file",
            code="result-missing",
            hint="name a result.json",
        ) from None
    except Unreadable as error:
        raise UsageError(
            f"cannot read {name!r}: {error}",
            code="result-unreadable",
            hint="name the file that --report json=result.json wrote",
        ) from None
    return from_json(text, name)
