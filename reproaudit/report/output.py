"""Where reports go: tried before the runs, written through a temporary name after them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.errors import UsageError
from reproaudit.files import send_nowhere
from reproaudit.report import render_all
from reproaudit.report.destinations import Destination, Failures
from reproaudit.report.registry import NO_OPTIONS, ReportOptions, require_format
from reproaudit.screen import shows_pictures, takes_colour

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult


def check_reports(reports: Sequence[tuple[str, str]]) -> None:
    """Refuse an unknown format, and a path that cannot be written, before the runs, not after."""
    taken = set()
    for name, path in reports:
        require_format(name)
        if path == "-":
            continue
        make_destination(name).try_file(Path(path))
        place = os.path.abspath(path)
        if place in taken:
            raise UsageError(
                f"two reports go to {path!r}", code="usage", hint="name a file of its own for each"
            )
        taken.add(place)


def make_destination(name: str) -> Destination:
    """Return where reports of one format go, for their errors."""
    return Destination(f"the {name} report", "report-write", "name another path")


def emit(
    result: AuditResult,
    reports: Sequence[tuple[str, str]],
    suffix: str = "",
    *,
    plain: bool = False,
    options: ReportOptions = NO_OPTIONS,
) -> None:
    """Write the reports that were asked for; the terminal report goes to stdout unless one of them
    does. It is drawn where stdout shows pictures, unless it is to be `plain`.

    It also does where one cannot be written, before the UsageError is raised.
    """
    wanted = []
    for name, path in reports:
        wanted.append((name, _add_suffix(path, suffix)))
    try:
        is_shown = write_reports([result], wanted, options=options)
    except UsageError:
        _show(result, plain=plain)
        raise
    if not is_shown:
        _show(result, plain=plain)


def _show(result: AuditResult, *, plain: bool) -> None:
    try:
        write_to_stdout(_render_for_stdout(result, plain=plain))
    except UsageError as error:
        _keep_elsewhere(render_all([result], "json"), "json", error)
        raise


def _render_for_stdout(result: AuditResult, *, plain: bool) -> str:
    # Imported only where it is shown: either brings a library, which most commands do without.
    if shows_pictures(sys.stdout) and not plain:
        from reproaudit.report.rich_terminal import RichOptions, RichTerminalReport

        width = shutil.get_terminal_size().columns
        return RichTerminalReport(RichOptions(width=width)).render(result)
    from reproaudit.report.terminal import TerminalOptions, TerminalReport

    colour = takes_colour(sys.stdout) and not plain
    return TerminalReport(TerminalOptions(colour=colour)).render(result)


def _keep_elsewhere(text: str, name: str, error: UsageError) -> None:
    make_destination(name).keep_elsewhere(text, require_format(name).suffix, error)


def write_reports(
    results: Sequence[AuditResult],
    reports: Sequence[tuple[str, str]],
    accepted: frozenset[str] = frozenset(),
    options: ReportOptions = NO_OPTIONS,
) -> bool:
    """Write each report over all results; return whether one of them went to stdout.

    One that cannot be written goes to a temporary file, which the UsageError names that is raised
    after the others.
    """
    failures = Failures()
    for name, path in reports:
        text = render_all(results, name, accepted, options)
        with failures.put_off():
            if path == "-":
                _write_report_to_stdout(text, name)
            else:
                make_destination(name).write(Path(path), text)
    failures.raise_any()
    return any(path == "-" for _, path in reports)


def _write_report_to_stdout(text: str, name: str) -> None:
    try:
        write_to_stdout(text)
    except UsageError as error:
        _keep_elsewhere(text, name, error)
        raise


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
