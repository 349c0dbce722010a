"""How long a run may take, by what the runs before it took."""

from __future__ import annotations

from typing import Any

import pytest

from reproaudit.config.subject import parse_subject
from reproaudit.model.events import Level
from reproaudit.runs.limits import Limits
from reproaudit.runs.request import RunRequest


def request(**changes: Any) -> RunRequest:
    return RunRequest(name="changed", index=0, what="", **changes)


def limits_after(slowest_s: float, timeout_s: float | None = None) -> Limits:
    """Return the limits once a plain run has taken so long."""
    limits = Limits(parse_subject("echo"), timeout_s)
    limits.learn_time(request(), slowest_s)
    return limits


@pytest.mark.parametrize(
    ("changes", "compiles", "limit_s"),
    [
        ({}, False, None),
        ({"interventions": ("hash.seed",)}, False, 50),
        ({"interventions": ("hash.seed", "threads.one")}, False, 100),
        ({"files": (("train.py", ""),)}, False, 50),
        ({"interventions": ("hash.seed",), "level": Level.OPERATION}, False, 100),
        ({"interventions": ("hash.seed",)}, True, 100),
    ],
)
def test_a_run_that_need_not_be_like_the_others_may_take_longer(
    changes: dict[str, Any], compiles: bool, limit_s: int | None
) -> None:
    limits = limits_after(10.0)
    limits._compiles = compiles
    assert limits.timeout_of(request(**changes)) == limit_s


@pytest.mark.parametrize(("level", "limit_s"), [(Level.BOUNDARY, 20), (Level.OPERATION, 60)])
def test_a_short_programs_changed_run_is_not_ended_at_once(level: Level, limit_s: int) -> None:
    limits = limits_after(2.0)
    assert limits.timeout_of(request(interventions=("hash.seed",), level=level)) == limit_s


def test_the_limit_that_the_user_set_is_the_limit() -> None:
    limits = limits_after(10.0, timeout_s=7.0)
    assert limits.timeout_of(request(interventions=("hash.seed",))) == 7.0
