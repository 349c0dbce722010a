"""Where reports go: checked before the runs, written through a temporary name after them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.files import require_room, send_nowhere, write_whole
from reproaudit.model.result import AuditResult
from reproaudit.report import render_all
from reproaudit.report.registry import require_format


def check_reports(reports: Sequence[tuple[str, str]]) -> None:
    """Refuse an unknown format, and a path that cannot be written, before the runs, not after."""
    for name, path in reports:
        require_format(name)
        if path != "-":
            _require_place(Path(path))


def _require_place(path: Path) -> None:
    """Raise UsageError unless a file can be made where the path leads."""
    if path.is_dir():
        raise _cannot_write(path, "it is a folder")
    place = path.absolute().parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        require_room(place)
    except OSError as error:
        raise _cannot_write(path, error.strerror or str(error)) from None


def emit(result: AuditResult, reports: Sequence[tuple[str, str]], suffix: str = "") -> None:
    """Write the reports that were asked for; the terminal report goes to stdout unless one of them
    does.

    It also does where one cannot be written, before the UsageError is raised.
    """
    wanted = []
    for name, path in reports:
        wanted.append((name, _add_suffix(path, suffix)))
    try:
        is_shown = write_reports([result], wanted)
    except UsageError:
        _show(result)
        raise
    if not is_shown:
        _show(result)


def _show(result: AuditResult) -> None:
    # Imported only where it is shown: it brings tabulate, which most commands do without.
    from reproaudit.report.terminal import TerminalOptions, TerminalReport

    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    colour = is_terminal and "NO_COLOR" not in os.environ
    try:
        write_to_stdout(TerminalReport(TerminalOptions(colour=colour)).render(result))
    except UsageError as error:
        _rescue(render_all([result], "json"), "json", error)
        raise


def write_reports(
    results: Sequence[AuditResult],
    reports: Sequence[tuple[str, str]],
    accepted: frozenset[str] = frozenset(),
) -> bool:
    """Write each report over all results; return whether one of them went to stdout.

    One that cannot be written goes to a temporary file, which the UsageError that is raised after
    the others names.
    """
    failure: UsageError | None = None
    for name, path in reports:
        text = render_all(results, name, accepted)
        try:
            if path == "-":
                write_to_stdout(text)
            else:
                write(Path(path), text)
        except UsageError as error:
            _rescue(text, name, error)
            failure = failure or error
    if failure is not None:
        raise failure
    return any(path == "-" for _, path in reports)


def _rescue(text: str, name: str, error: UsageError) -> None:
    """Keep a report that could not be written: hours of computing may stand behind it."""
    try:
        descriptor, path = tempfile.mkstemp(
            prefix="reproaudit-report-", suffix=require_format(name).suffix
        )
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return
    error.hint = f"{error.hint}\n  the {name} report is in {path}"


def _add_suffix(path: str, suffix: str) -> str:
    # "-" stands for stdout, which has no name.
    if path == "-" or not suffix:
        return path
    file = Path(path)
    return str(file.with_stem(file.stem + suffix))


def write_to_stdout(text: str) -> None:
    """Write all of it now. Raises UsageError if standard output is closed or its disk is full."""
    if sys.stdout is None:
        raise _cannot_write_to_stdout("it is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read has seen enough, as `head` does: the command line ends quietly
    except OSError as error:
        send_nowhere(sys.stdout)
        raise _cannot_write_to_stdout(error.strerror or str(error)) from None


def _cannot_write_to_stdout(why: str) -> UsageError:
    return UsageError(
        f"cannot write the report to standard output: {why}",
        code="report-write",
        hint="write it into a file: --report FORMAT=PATH",
    )


def write(path: Path, text: str) -> None:
    """Write through a temporary name, so that a failure leaves no half report."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode("utf-8"), survives_power_loss=True)
    except OSError as error:
        raise _cannot_write(path, error.strerror or str(error)) from None


def _cannot_write(path: Path, why: str) -> UsageError:
    return UsageError(
        f"cannot write the report {str(path)!r}: {why}",
        code="report-write",
        hint="name another path",
    )
