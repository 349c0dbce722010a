"""What the options of executors say."""

from __future__ import annotations

from reproaudit.config.execution import Execution


def test_two_jobs_are_not_plain() -> None:
    assert Execution().is_plain
    assert not Execution(jobs=2).is_plain
    assert not Execution(executor="ray").is_plain
