"""What the plugin writes at the end of a session: the summary section and the reports that were
asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reproaudit.errors import ReproauditError
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_GOOD = (Verdict.REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)


def report_paths(config: pytest.Config) -> list[tuple[str, Path]]:
    """Return the formats and paths that were asked for; paths of the configuration file are
    relative to it.

    Raises pytest.UsageError for an unknown format, before any test runs.
    """
    from reproaudit.report import formats

    wanted = [
        (text, config.invocation_params.dir) for text in config.getoption("reproaudit_report")
    ]
    wanted = wanted or [(text, config.rootpath) for text in config.getini("reproaudit_report")]
    found = []
    for text, folder in wanted:
        name, equals, path = text.partition("=")
        if not equals or not path or name not in formats():
            known = ", ".join(formats())
            raise pytest.UsageError(
                f"--reproaudit-report {text!r} is not FORMAT=PATH; formats: {known}"
            )
        found.append((name, folder / path))
    return found


def summarise(
    terminal: TerminalReporter, config: pytest.Config, found: Sequence[tuple[str, str]]
) -> None:
    """Write a section for the checks that were made, and the reports; `found` is (test, text of
    result.json)."""
    from reproaudit.report.json_report import from_json
    from reproaudit.report.wording import VERDICTS, counted, prose

    rows = [(test, from_json(text)) for test, text in sorted(found, key=lambda row: row[0])]
    bad = [(test, result) for test, result in rows if result.verdict not in _GOOD]
    terminal.section("reproaudit", sep="-")
    terminal.write_line(f"{counted(len(rows), 'check')}, {len(rows) - len(bad)} reproducible")
    for test, result in bad:
        terminal.write_line(f"{test}: {VERDICTS[result.verdict]}: {prose(result.headline)}")
    for name, path in report_paths(config):
        try:
            for written in _write(name, path, [result for _, result in rows]):
                terminal.write_line(f"report: {written}")
        except ReproauditError as error:
            terminal.write_line(f"reproaudit: error: {error}", red=True)


def _write(name: str, path: Path, results: Sequence[AuditResult]) -> list[Path]:
    """Write one report; of several results, JSON becomes one numbered file each, for a result.json
    holds one."""
    from reproaudit.report import render
    from reproaudit.report.output import write
    from reproaudit.report.registry import render_all

    if name == "json" and len(results) > 1:
        paths = [path.with_stem(f"{path.stem}-{number}") for number in range(len(results))]
        for target, result in zip(paths, results, strict=True):
            write(target, render(result, name))
        return paths
    write(path, render_all(results, name))
    return [path]
