"""How many repetitions a check makes, where, and what counts as equal: who says it first wins."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reproaudit.config.tolerance import Tolerance
from reproaudit.errors import UsageError
from reproaudit.pytest_plugin.options import CheckOptions, complete_options, read_tolerances


class Config:
    """What a session says: `line` on the command line, `file` in its configuration."""

    def __init__(self, *, line: dict[str, Any], file: dict[str, Any]) -> None:
        self.getoption = {"reproaudit_runs": None, "reproaudit_isolation": None, **line}.get
        self.getini = {"reproaudit_runs": "", "reproaudit_isolation": "", **file}.get


def complete(
    options: CheckOptions, *, line: dict[str, Any] | None = None, file: dict[str, Any] | None = None
) -> CheckOptions:
    config = cast(pytest.Config, Config(line=line or {}, file=file or {}))
    return complete_options(config, options, default_runs=5)


def test_the_test_itself_comes_before_the_command_line_and_that_before_the_file() -> None:
    line, file = {"reproaudit_runs": 4}, {"reproaudit_runs": "6"}
    assert complete(CheckOptions(runs=3), line=line, file=file).runs == 3
    assert complete(CheckOptions(), line=line, file=file).runs == 4
    assert complete(CheckOptions(), file=file).runs == 6
    assert complete(CheckOptions()).runs == 5


def test_the_environment_comes_before_the_configuration_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPROAUDIT_RUNS", "9")
    assert complete(CheckOptions(), file={"reproaudit_runs": "6"}).runs == 9


def test_a_check_stays_in_this_process_unless_something_else_is_said() -> None:
    assert complete(CheckOptions()).isolation == "inprocess"
    assert complete(CheckOptions(), file={"reproaudit_isolation": "process"}).isolation == "process"


def test_a_test_that_says_so_itself_is_strict_or_not_whatever_the_session_says() -> None:
    assert complete(CheckOptions()).strict is False
    assert complete(CheckOptions(), line={"reproaudit_strict": True}).strict is True
    assert complete(CheckOptions(), file={"reproaudit_strict": True}).strict is True
    line = {"reproaudit_strict": True}
    assert complete(CheckOptions(strict=False), line=line).strict is False
    assert complete(CheckOptions(strict=True)).strict is True


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (CheckOptions(runs=1), "runs-invalid"),
        (CheckOptions(isolation="thread"), "isolation-unknown"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(options: CheckOptions, code: str) -> None:
    with pytest.raises(UsageError, match=code):
        complete(options)


def test_one_tolerance_is_that_of_every_dtype() -> None:
    tolerance = Tolerance(rtol=1e-3)
    assert read_tolerances(tolerance) == {"*": tolerance}
    assert read_tolerances("rtol=1e-3") == {"*": tolerance}
    assert read_tolerances({"float32": tolerance}) == {"float32": tolerance}
    assert read_tolerances(None) == {}
