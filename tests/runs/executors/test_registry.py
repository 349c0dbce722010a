"""Executors are found by name, and one whose library is missing names its extra."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.execution import Execution
from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError
from reproaudit.runs.executors import registry
from reproaudit.runs.executors.protocol import ExecutorOrder
from reproaudit.runs.executors.registry import Entry, make_executor


def order_in(folder: Path, name: str, jobs: int = 0) -> ExecutorOrder:
    return ExecutorOrder(
        subject=parse_subject("echo"),
        settings=Settings(),
        folder=folder,
        python="python",
        execution=Execution(name, jobs),
    )


def test_one_run_at_a_time_on_this_machine_needs_no_executor(tmp_path: Path) -> None:
    assert make_executor(order_in(tmp_path, "local")) is None
    assert make_executor(order_in(tmp_path, "local", jobs=1)) is None


def test_an_unknown_executor_is_an_error_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no executor 'locale'") as caught:
        make_executor(order_in(tmp_path, "locale"))
    assert "'local'" in caught.value.hint


def test_an_executor_whose_library_is_not_installed_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry("nowhere", library="a_library_that_nobody_has")
    monkeypatch.setitem(registry.EXECUTORS, "ray", entry)
    with pytest.raises(UsageError, match="needs a_library_that_nobody_has") as caught:
        make_executor(order_in(tmp_path, "ray"))
    assert caught.value.hint == "pip install 'reproaudit[ray]'"
