"""What --fast and --thorough stand for, and that an option that says one thing wins over them."""

from __future__ import annotations

import pytest

from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.effort import Effort, read_effort
from reproaudit.config.project import DEFAULTS, Choices, ProjectConfig
from reproaudit.errors import UsageError
from reproaudit.model.confidence import bound_rate, count_runs_to_exclude


def effort_of(*words: str, choices: Choices = DEFAULTS) -> Effort:
    return read_effort(make_audit_parser().parse_args(words), choices, ProjectConfig())


def test_a_fast_audit_makes_three_runs_and_tries_nothing() -> None:
    effort = effort_of("--fast")
    assert (effort.runs, effort.level, effort.runs_to_pass, effort.spares_runs) == (
        3,
        0.95,
        2,
        True,
    )
    assert (effort.glances, effort.capture_alerts, effort.further_runs) == (True, False, 0)


def test_a_thorough_audit_makes_the_runs_that_it_needs_half_of_them_under_load() -> None:
    effort = effort_of("--thorough")
    assert (effort.runs, effort.level, effort.has_load) == (45, 0.99, True)
    bound = bound_rate(0.99, effort.runs)
    assert bound is not None
    assert bound <= 0.1
    # Fewer equal runs are no ground to pass, however little time there is.
    assert (effort.runs_to_pass, effort.glances, effort.capture_alerts) == (0, False, True)


@pytest.mark.parametrize("flag", ["--fast", "--thorough"])
def test_an_option_that_says_one_thing_wins(flag: str) -> None:
    project = Choices(runs=7)
    assert effort_of(flag, choices=project).runs == effort_of(flag).runs
    effort = effort_of(flag, "--runs", "4", "--confidence", "0.9")
    assert (effort.runs, effort.level, effort.spares_runs, effort.runs_to_pass) == (
        4,
        0.9,
        False,
        0,
    )
    level = 0.99 if flag == "--thorough" else 0.95
    assert effort_of("--rate", "0.5", flag).runs == count_runs_to_exclude(level, 0.5)


def test_only_one_of_the_two_may_be_given() -> None:
    with pytest.raises(UsageError, match="not allowed with argument"):
        effort_of("--fast", "--thorough")


def test_without_either_all_is_as_the_choices_say() -> None:
    assert effort_of() == Effort(
        runs=5, level=0.95, runs_to_pass=2, further_runs=10, spares_runs=True
    )
    assert effort_of(choices=Choices(runs=7)) == Effort(runs=7, level=0.95)
