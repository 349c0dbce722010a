"""How much an audit does: --fast, --thorough, and the options that say one thing of it each."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from reproaudit.cli.option_values import parse_share
from reproaudit.config.budget import parse_budget
from reproaudit.config.project import DEFAULTS, Choices, ProjectConfig
from reproaudit.errors import UsageError
from reproaudit.model.confidence import count_runs_to_exclude

_LEVEL = 0.95
_FAST_RUNS = 3
_THOROUGH_LEVEL = 0.99
_THOROUGH_RATE = 0.1
_FURTHER_RUNS = 10  # at most, where a program shows disorder and nobody said how many to make


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What the options come to; the fields are those of AuditOptions.

    An option that says one thing wins over --fast and --thorough, wherever it stands.
    """

    runs: int
    level: float
    runs_to_pass: int = 0
    further_runs: int = 0
    spares_runs: bool = False
    has_load: bool = False
    glances: bool = False
    capture_alerts: bool = True
    alerts_to_end: bool = False


def add_effort_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how sure to be, and how far to follow a difference."""
    group = parser.add_argument_group(
        "how sure, and how far", "a difference is followed to its cause and to a fix"
    )
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--fast",
        action="store_true",
        help=f"for a first look: {_FAST_RUNS} runs, the operator, and the cause as far as evidence "
        "shows it; no fix is tried",
    )
    either.add_argument(
        "--thorough",
        action="store_true",
        help=f"before a paper: as many runs as rule out a divergence rate above {_THOROUGH_RATE} "
        f"at confidence {_THOROUGH_LEVEL}, every second one beside a busy process on each core",
    )
    group.add_argument(
        "--confidence",
        type=parse_share,
        metavar="LEVEL",
        help=f"level of every bound (default {_LEVEL})",
    )
    group.add_argument(
        "--rate",
        type=parse_share,
        metavar="RATE",
        help="make as many runs as rule out a higher divergence rate: --confidence 0.99 --rate "
        "0.05 makes 91",
    )
    add_budget(group)
    group.add_argument("--no-diagnosis", action="store_true", help="only compare: no cause, no fix")


def add_budget(parser: argparse._ActionsContainer) -> None:
    """Add --budget."""
    parser.add_argument(
        "--budget",
        type=parse_budget,
        metavar="SPEC",
        help="at most this: 20 runs for the diagnosis (default 80), 5m for the whole audit, or "
        "both: 20,5m (s, m, h); two runs are always made, and what was not come to is said",
    )


def read_effort(options: argparse.Namespace, choices: Choices, project: ProjectConfig) -> Effort:
    """Return how many runs are wanted, how sure the answer is to be, and what else is done."""
    if options.runs and options.rate is not None:
        raise UsageError(
            "--rate chooses the number of runs", code="usage", hint="leave out --runs or --rate"
        )
    level = options.confidence or (_THOROUGH_LEVEL if options.thorough else _LEVEL)
    asked = options.runs or 0
    if options.rate is not None:
        asked = count_runs_to_exclude(level, options.rate)
    looks_for_alerts = not options.no_alerts
    if options.fast:
        return Effort(
            runs=asked or _FAST_RUNS,
            level=level,
            # A number that somebody asked for is what a pass needs, however little time there is.
            runs_to_pass=0 if asked else 2,
            spares_runs=not asked,
            glances=True,
            capture_alerts=False,
        )
    if options.thorough:
        return Effort(
            runs=asked or count_runs_to_exclude(level, _THOROUGH_RATE),
            level=level,
            spares_runs=not asked,
            has_load=True,
            capture_alerts=looks_for_alerts,
            alerts_to_end=True,
        )
    assert choices.runs is not None  # there is a default
    is_default = choices.runs == DEFAULTS.runs and project.choices.runs is None and not asked
    return Effort(
        runs=asked or choices.runs,
        level=level,
        runs_to_pass=2 if is_default else 0,
        further_runs=_FURTHER_RUNS if is_default else 0,
        spares_runs=is_default,
        capture_alerts=looks_for_alerts,
    )
