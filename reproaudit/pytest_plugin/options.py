"""How a check is made: what the test says, completed by the command line and the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reproaudit.config.project import read_environment_choices
from reproaudit.config.tolerance import Tolerance, parse_tolerance
from reproaudit.errors import UsageError
from reproaudit.pytest_plugin.names import ISOLATIONS

ToleranceOption = str | Tolerance | Mapping[str, Tolerance] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """How a check is made.

    `runs` and `isolation` None: as the command line or the configuration says. `seed` seeds all
    random streams before each repetition; None: each repetition starts from the streams as the
    check found them. Without `diagnose` a difference is located and no fix is looked for.
    `tolerance` as on the command line ("rtol=1e-5,atol=1e-8", "ulp=4"), a Tolerance, or a mapping
    of dtype names. `strict`: a marked test in which nothing was compared fails; None: as the
    command line or the configuration says.
    """

    runs: int | None = None
    seed: int | None = 0
    tolerance: ToleranceOption = None
    isolation: str | None = None
    diagnose: bool = True
    strict: bool | None = None


def complete_options(
    config: pytest.Config, options: CheckOptions, *, default_runs: int
) -> CheckOptions:
    """Fill in what the test did not say, and check it.

    The order is: command line, REPROAUDIT_RUNS, configuration file, default. Raises UsageError for
    a number of runs or an isolation that cannot be followed.
    """
    __tracebackhide__ = True
    runs = (
        options.runs
        or config.getoption("reproaudit_runs")
        or read_environment_choices(os.environ, Path()).runs
        or config.getini("reproaudit_runs")
        or default_runs
    )
    isolation = (
        options.isolation
        or config.getoption("reproaudit_isolation")
        or config.getini("reproaudit_isolation")
        or ISOLATIONS[0]
    )
    if isolation not in ISOLATIONS:
        raise UsageError(
            f"there is no isolation {isolation!r}",
            code="isolation-unknown",
            hint=" or ".join(ISOLATIONS),
        )
    if not str(runs).isdecimal() or int(runs) < 2:
        raise UsageError(
            f"{runs!r} repetitions cannot be compared",
            code="runs-invalid",
            hint="runs is a number from 2",
        )
    strict = options.strict
    if strict is None:
        strict = bool(config.getoption("reproaudit_strict") or config.getini("reproaudit_strict"))
    return replace(options, runs=int(runs), isolation=isolation, strict=strict)


def read_tolerances(given: ToleranceOption) -> Mapping[str, Tolerance]:
    """Return the tolerance of each dtype that a test names, "*" for all others."""
    if given is None:
        return {}
    if isinstance(given, str):
        return parse_tolerance(given)
    if isinstance(given, Tolerance):
        return {"*": given}
    return dict(given)
