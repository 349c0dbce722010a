"""What a session writes at its end, and which reports are refused at its start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from reproaudit.model.verdict import Verdict
from reproaudit.pytest_plugin.reports import read_report_paths, write_summary
from reproaudit.report.json_report import from_json, to_json
from tests.pytest_plugin.sessions import Config, as_config
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE

FOUND = [
    ("test_b.py::test_two", to_json(ONE_DIVERGENCE), True),
    ("test_a.py::test_one", to_json(REPRODUCIBLE), False),
]
EMPTY = replace(
    REPRODUCIBLE, verdict=Verdict.NOT_AUDITED, headline="nothing was compared", compared=()
)


class Screen:
    """Keeps what is written on it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str, sep: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str, red: bool = False) -> None:
        self.lines.append(line)


def summarise(config: Config, *more: tuple[str, str, bool]) -> list[str]:
    screen = Screen()
    write_summary(cast(Any, screen), as_config(config), [*FOUND, *more])
    return screen.lines


def test_paths_are_relative_to_where_they_were_said(tmp_path: Path) -> None:
    config = Config(tmp_path / "root", file={"reproaudit_report": ["json=in/file.json"]})
    config.invocation_params.dir = tmp_path / "here"
    assert read_report_paths(as_config(config)) == [
        ("json", tmp_path / "root" / "in" / "file.json")
    ]
    config = Config(
        tmp_path / "root",
        line={"reproaudit_report": ["junit=on/line.xml"]},
        file={"reproaudit_report": ["json=in/file.json"]},
    )
    config.invocation_params.dir = tmp_path / "here"
    assert read_report_paths(as_config(config)) == [
        ("junit", tmp_path / "here" / "on" / "line.xml")
    ]


@pytest.mark.parametrize("text", ["pdf=x", "json", "json="])
def test_what_is_no_format_with_a_path_is_refused(tmp_path: Path, text: str) -> None:
    config = Config(tmp_path, line={"reproaudit_report": [text]})
    with pytest.raises(pytest.UsageError, match="is not FORMAT=PATH; formats: terminal, json"):
        read_report_paths(as_config(config))


def test_the_summary_counts_the_checks_and_names_those_that_differ(tmp_path: Path) -> None:
    assert summarise(Config(tmp_path)) == [
        "reproaudit",
        "2 checks, 1 reproducible",
        f"test_b.py::test_two: not reproducible: {ONE_DIVERGENCE.headline}",
    ]


def test_a_check_that_compared_nothing_is_named_and_in_no_report_unless_its_test_failed(
    tmp_path: Path,
) -> None:
    text = to_json(EMPTY)
    config = Config(tmp_path, line={"reproaudit_report": ["json=found.json"]})
    lines = summarise(config, ("test_c.py::test_three", text, False), ("test_d.py", text, True))
    assert lines[1:6] == [
        "4 checks, 1 reproducible",
        f"test_b.py::test_two: not reproducible: {ONE_DIVERGENCE.headline}",
        "test_d.py: not audited: nothing was compared",
        "1 check passed though nothing was compared: the test computes nothing with torch",
        "  test_c.py::test_three",
    ]
    assert len(list(tmp_path.glob("found-*.json"))) == 3


def test_of_many_checks_that_compared_nothing_some_are_named(tmp_path: Path) -> None:
    text = to_json(EMPTY)
    more = [(f"test_c.py::test_{number:02}", text, False) for number in range(12)]
    lines = summarise(Config(tmp_path), *more)
    assert "  test_c.py::test_09" in lines
    assert lines[-2] == "  … and 2 more"


def test_several_results_become_numbered_files_in_the_order_of_the_tests(tmp_path: Path) -> None:
    config = Config(tmp_path, line={"reproaudit_report": ["json=found.json"]})
    lines = summarise(config)
    first = tmp_path / "found-0.json"
    second = tmp_path / "found-1.json"
    assert lines[-2:] == [f"report: {first}", f"report: {second}"]
    assert from_json(first.read_text(encoding="utf-8")) == REPRODUCIBLE
    assert from_json(second.read_text(encoding="utf-8")) == ONE_DIVERGENCE


def test_a_report_that_cannot_be_written_is_told_and_the_next_one_is_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").mkdir()
    wanted = ["junit=taken", "markdown=found.md"]
    lines = summarise(Config(tmp_path, line={"reproaudit_report": wanted}))
    assert "[report-write]" in "\n".join(lines)
    assert lines[-1] == f"report: {tmp_path / 'found.md'}"


@pytest.mark.slow
def test_an_unknown_report_format_is_refused_before_any_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_runs(): raise SystemError('ran')")
    done = pytester.runpytest_subprocess("--reproaudit-report", "pdf=x", "-p", "no:randomly")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "is not FORMAT=PATH; formats: terminal, json" in done.stderr.str()
