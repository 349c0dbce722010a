"""What the plugin writes at the end of a session: a summary, and the reports asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reproaudit.errors import ReproauditError
from reproaudit.model.result import AuditResult

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_MOST_EMPTY = 10  # tests that are named because nothing was compared in them


def read_report_paths(config: pytest.Config) -> list[tuple[str, Path]]:
    """Return the formats and paths that were asked for.

    Paths of the command line are relative to where pytest was started, those of the configuration
    file to it. Raises pytest.UsageError for an unknown format, before any test runs.
    """
    texts = config.getoption("reproaudit_report")
    folder = config.invocation_params.dir
    if not texts:
        texts = config.getini("reproaudit_report")
        folder = config.rootpath
    found = []
    for text in texts:
        name, path = _split_report(text)
        found.append((name, folder / path))
    return found


def try_report_paths(config: pytest.Config) -> None:
    """Raise pytest.UsageError if a report could not be written, before any test runs."""
    from reproaudit.report.output import make_destination

    for name, path in read_report_paths(config):
        try:
            make_destination(name).try_file(path)
        except ReproauditError as error:
            raise pytest.UsageError(str(error)) from None


def _split_report(text: str) -> tuple[str, str]:
    """Return the format and the path of `FORMAT=PATH`."""
    from reproaudit.report import formats

    name, _, path = text.partition("=")
    if not path or name not in formats():
        known = ", ".join(formats())
        raise pytest.UsageError(
            f"--reproaudit-report {text!r} is not FORMAT=PATH; formats: {known}"
        )
    return name, path


def write_summary(
    terminal: TerminalReporter, config: pytest.Config, found: Sequence[tuple[str, str, bool]]
) -> None:
    """Write a section for the checks that were made, and the reports.

    `found` is a test, the text of a result.json and whether the test failed, for each check. A
    check in which nothing was compared is in a report only if its test failed.
    """
    from reproaudit.pytest_plugin.checks import is_empty, is_passed
    from reproaudit.report.json_report import from_json
    from reproaudit.report.verdicts import name_answer
    from reproaudit.report.wording import show_count, show_prose

    results: list[AuditResult] = []
    failed: list[tuple[str, AuditResult]] = []
    empty: list[str] = []
    # With pytest-xdist the results arrive in any order; the report must not depend on it. The
    # checks of one test arrive together, so they stay in the order in which they were made.
    for test, text, is_failed in sorted(found, key=itemgetter(0)):
        result = from_json(text)
        if is_empty(result) and not is_failed:
            empty.append(test)
            continue
        results.append(result)
        if not is_passed(result):
            failed.append((test, result))
    checks = show_count(len(found), "check")
    passed = len(results) - len(failed)
    terminal.section("reproaudit", sep="-")
    terminal.write_line(f"{checks}, {passed} reproducible")
    for test, result in failed:
        verdict = name_answer(result)
        headline = show_prose(result.headline)
        terminal.write_line(f"{test}: {verdict}: {headline}")
    for line in _tell_empty(empty):
        terminal.write_line(line)
    for name, path in read_report_paths(config):
        # Tests have passed and failed by now: a report that cannot be written changes none of it.
        try:
            for written in _write_report(name, path, results):
                terminal.write_line(f"report: {written}")
        except ReproauditError as error:
            terminal.write_line(f"reproaudit: error: {error}", red=True)


def _tell_empty(tests: Sequence[str]) -> Iterator[str]:
    """Yield a note on tests that passed although nothing was compared in them."""
    from reproaudit.report.wording import show_count

    if not tests:
        return
    checks = show_count(len(tests), "check")
    yield f"{checks} passed though nothing was compared: the test computes nothing with torch"
    for test in tests[:_MOST_EMPTY]:
        yield f"  {test}"
    cut = len(tests) - _MOST_EMPTY
    if cut > 0:
        yield f"  … and {cut} more"
    yield "  (strict=True of the marker, or --reproaudit-strict, makes this a failure)"


def _write_report(name: str, path: Path, results: Sequence[AuditResult]) -> Iterator[Path]:
    """Write one report and yield the files.

    A result.json holds one result, so several become one numbered file each.
    """
    from reproaudit.report import render
    from reproaudit.report.output import make_destination
    from reproaudit.report.registry import render_all

    destination = make_destination(name)
    if name != "json" or len(results) == 1:
        destination.write(path, render_all(results, name))
        yield path
        return
    for number, result in enumerate(results):
        numbered = path.with_stem(f"{path.stem}-{number}")
        destination.write(numbered, render(result, name))
        yield numbered
