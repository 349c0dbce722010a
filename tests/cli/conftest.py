"""What the tests of `reproaudit lock` and of `reproaudit check` share: the runs behind them are
injected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.settings import Settings
from reproaudit.lock.check import CheckResult, compare_runs
from reproaudit.lock.model import Entry, LockedRun
from reproaudit.lock.runs import Refusal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start the test in a folder with two empty programs."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.py", "other.py"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[LockedRun | Refusal], list[Entry]]:
    """Let every run give what the test says; the entries that were run are kept in the list that is
    returned."""

    def give(found: LockedRun | Refusal) -> list[Entry]:
        made: list[Entry] = []

        def lock_entry(entry: Entry, *_: Any, **__: Any) -> Entry | Refusal:
            made.append(entry)
            return replace(entry, runs=(found,)) if isinstance(found, LockedRun) else found

        def check_entry(entry: Entry, settings: Settings, **_: Any) -> CheckResult:
            made.append(replace(entry, settings=settings))
            assert isinstance(found, LockedRun)
            return compare_runs(entry, entry.runs[0], found, settings)

        monkeypatch.setattr("reproaudit.cli.lock.lock_entry", lock_entry)
        monkeypatch.setattr("reproaudit.cli.check.check_entry", check_entry)
        return made

    return give
