"""Owns the table of report formats. A new format is one module and one entry here."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from reproaudit.errors import UsageError
from reproaudit.model import AuditResult


class Report(Protocol):
    """A format with its options; the same result gives the same text, which ends with a newline."""

    def render(self, result: AuditResult) -> str: ...


@dataclass(frozen=True, slots=True)
class Format:
    """Where a report's class is: it is imported only when it is asked for, and must work without arguments."""

    module: str
    report: str
    suffix: str


FORMATS: dict[str, Format] = {
    "terminal": Format("reproaudit.report.terminal", "TerminalReport", ".txt"),
    "json": Format("reproaudit.report.json_report", "JsonReport", ".json"),
}


def formats() -> tuple[str, ...]:
    """Return the names of the formats, in the order in which help should list them."""
    return tuple(FORMATS)


def render(result: AuditResult, format: str) -> str:
    """Render `result` with the default options of the named format. An unknown name is a UsageError."""
    if format not in FORMATS:
        near = difflib.get_close_matches(format, FORMATS, n=1)
        raise UsageError(
            f"there is no report format {format!r}",
            code="report-format",
            hint=f"did you mean {near[0]!r}?" if near else f"formats: {', '.join(FORMATS)}",
        )
    entry = FORMATS[format]
    report = cast(Report, getattr(importlib.import_module(entry.module), entry.report)())
    return report.render(result)
