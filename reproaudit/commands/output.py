"""Where reports go: checked before the runs, written through a temporary name after them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.model import AuditResult
from reproaudit.report import formats, render
from reproaudit.report.terminal import TerminalOptions, TerminalReport


def check_reports(reports: list[tuple[str, str]]) -> None:
    """Refuse an unknown format before the runs, not after."""
    for name, _ in reports:
        if name not in formats():
            raise UsageError(
                f"there is no report format {name!r}", code="report-format", hint=f"formats: {', '.join(formats())}"
            )


def emit(result: AuditResult, reports: list[tuple[str, str]], suffix: str = "") -> None:
    """Write the reports that were asked for; the terminal report goes to stdout unless one of them does."""
    for name, path in reports:
        text = render(result, name)
        if path == "-":
            sys.stdout.write(text)
        else:
            target = Path(path)
            write(target.with_stem(target.stem + suffix), text)
    if not any(path == "-" for _, path in reports):
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        sys.stdout.write(TerminalReport(TerminalOptions(colour=colour)).render(result))
    sys.stdout.flush()


def write(path: Path, text: str) -> None:
    """Write through a temporary name, so that a failure leaves no half report."""
    temporary = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write the report {str(path)!r}: {error.strerror}", code="report-write", hint="name another path"
        ) from None
