"""What is wanted: the options of the command line, completed by environment and configuration."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Literal

from reproaudit.config.project import (
    DEFAULTS,
    Choices,
    ProjectConfig,
    read_environment_choices,
    resolve,
)
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.interventions import combine_settings

_STEPS = 10  # that are audited where nothing was said
_WHOLE_WITHIN_S = 30.0


def resolve_choices(
    options: argparse.Namespace, project: ProjectConfig, subject: Choices | None = None
) -> Choices:
    """Resolve what the command line, the environment, a configured subject and the project say.

    Not every command has all the options; what is missing counts as not said.
    """
    baseline = getattr(options, "baseline", None)
    said = Choices(
        runs=getattr(options, "runs", None),
        steps=_read_steps(options),
        timeout_s=getattr(options, "timeout", None),
        preset=options.preset,
        budget=getattr(options, "budget", None),
        baseline=Path(baseline).absolute() if baseline else None,
        track=tuple(options.track) if getattr(options, "track", None) else None,
    )
    environment = read_environment_choices(os.environ, Path.cwd())
    strongest_first = (said, environment, subject or Choices(), project.choices, DEFAULTS)
    return resolve(*strongest_first)


def _read_steps(options: argparse.Namespace) -> int | Literal["all"] | None:
    """Return the number of steps, "all", or None if nothing was said."""
    if not hasattr(options, "steps"):
        return None
    steps: int | None = options.steps
    return "all" if steps is None else steps


def limit_steps(choices: Choices) -> int | None:
    """Return the number of steps after which a run stops; None: it goes to its end."""
    if choices.steps is None:
        return _STEPS
    return None if choices.steps == "all" else choices.steps


def find_whole_limit(choices: Choices, subject: SubjectSpec) -> float:
    """Return in how many seconds a first run must be over for the program to be audited whole.

    0 where a number of steps was asked for, and where the subject has no end of its own.
    """
    if choices.steps is None and subject.has_end:
        return _WHOLE_WITHIN_S
    return 0.0


def read_settings(
    options: argparse.Namespace, project: ProjectConfig, choices: Choices, seed: int | None
) -> Settings:
    """Return the settings of the chosen preset, changed by what the command line gives."""
    preset = _find_preset(project, choices.preset) if choices.preset else Settings()
    given = Settings(
        seed=seed,
        hash_seed=options.hash_seed,
        deterministic=options.deterministic,
        cudnn_benchmark=options.cudnn_benchmark,
        cudnn_deterministic=options.cudnn_deterministic,
        tf32=options.tf32,
        threads=options.threads,
        fill_uninitialized=options.fill_uninitialized,
        cublas_workspace=options.cublas_workspace,
        env=tuple(options.env),
        device=options.device,
    )
    interventions = (*preset.interventions, *options.intervene)
    settings = combine_settings(merge(preset, given), interventions)
    # What a lock holds already is changed by an option alone.
    if options.fill_uninitialized and not settings.deterministic and not hasattr(options, "lock"):
        raise UsageError(
            "--fill-uninitialized on does nothing without --deterministic",
            code="usage",
            hint="torch fills new memory only then: add --deterministic, or --deterministic=warn",
        )
    return settings


def _find_preset(project: ProjectConfig, name: str) -> Settings:
    presets = dict(project.presets)
    if name not in presets:
        where = f" in {project.path}" if project.path else ""
        raise UsageError(
            f"there is no preset {name!r}{where}",
            code="preset-unknown",
            hint=did_you_mean(name, presets) or "define it under [tool.reproaudit.presets]",
        )
    return presets[name]


def read_tolerances(options: argparse.Namespace, project: ProjectConfig | None) -> Tolerances:
    """Return what counts as equal: as the options say; if they say nothing, as the project does."""
    if options.tolerance:
        from reproaudit.config.tolerance import parse_tolerances

        return parse_tolerances(options.tolerance)
    if project is None:
        return Tolerances()
    by_dtype = {} if project.tolerance is None else {"*": project.tolerance}
    return Tolerances(by_dtype, project.tolerances)
