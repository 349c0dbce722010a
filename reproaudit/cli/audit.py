"""`reproaudit SUBJECT`: an audit, once or under each of several seeds.

What runs and compares is imported once the words are understood: help and mistakes are answered at
once.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import audit_parser, split
from reproaudit.config.project import (
    DEFAULTS,
    Choices,
    ProjectConfig,
    choices_of_environment,
    load_project,
    resolve,
)
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.interventions import combined
from reproaudit.model.confidence import runs_needed
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import exit_code
from reproaudit.report.output import check_reports, emit

if TYPE_CHECKING:
    from reproaudit.experiment.audit import AuditOptions


def audit(words: list[str]) -> int:
    """Audit the subject that the words name, once for each seed; return the exit code."""
    parser = audit_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    if subject is None:
        raise UsageError(
            "no subject was named", code="usage", hint="reproaudit train.py; see reproaudit --help"
        )
    check_reports(options.report)
    results = [_audit_once(options, subject, own, seed) for seed in _seeds(options)]
    for number, result in enumerate(results):
        emit(result, options.report, suffix=f"-{number}" if len(results) > 1 else "")
    return exit_code([result.verdict for result in results])


def _seeds(options: argparse.Namespace) -> list[int | None]:
    if options.seeds is None:
        return [options.seed]
    try:
        return [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        raise UsageError(
            f"cannot understand --seeds {options.seeds!r}", code="usage", hint="--seeds 0,1,2"
        ) from None


def _audit_once(
    options: argparse.Namespace, subject: str, own: list[str], seed: int | None
) -> AuditResult:
    from reproaudit.experiment.audit import audit as run_audit
    from reproaudit.runs.progress import progress_for

    spec = parse_subject(subject, own, options.inputs)
    project = project_of(spec)
    wanted = audit_options_of(options, spec, project, choices_of(options, project), seed)
    wanted = replace(wanted, repro=Path(options.repro) if options.repro else None)
    out = None
    if options.out:
        out = Path(options.out) if seed == options.seed else Path(options.out) / f"seed-{seed}"
    progress = progress_for(options.quiet)
    try:
        return run_audit(wanted, progress, out)
    finally:
        progress.close()


def audit_options_of(
    options: argparse.Namespace,
    spec: SubjectSpec,
    project: ProjectConfig,
    choices: Choices,
    seed: int | None,
) -> AuditOptions:
    """Put together what to audit and how, from the command line's options and what `choices_of`
    resolved."""
    from reproaudit.experiment.audit import AuditOptions
    from reproaudit.runs.budget import Budget

    budget_runs, budget_s = choices.budget or (None, None)
    wanted = AuditOptions(
        subject=spec,
        runs=_runs(options, choices),
        steps=None if choices.steps == "all" else choices.steps,
        timeout_s=choices.timeout_s,
        tolerances=tolerances_of(options, project),
        ignored=project.ignored,
        settings=settings_of(options, project, choices, seed),
        values_mb=options.values_mb,
        capture_alerts=not options.no_alerts,
        diagnose=not options.no_diagnosis,
        budget=Budget(budget_runs or Budget().runs, budget_s),
        level=options.confidence,
        fresh_copy=options.fresh_copy,
        show_output=options.show_output,
    )
    if wanted.runs < 2:
        raise UsageError(
            "one run cannot be compared with anything",
            code="usage",
            hint="--runs 2 or more; for one trace: reproaudit record",
        )
    return wanted


def choices_of(
    options: argparse.Namespace, project: ProjectConfig, entry: Choices | None = None
) -> Choices:
    """Resolve what the command line, the environment, a subject's entry and the project say."""
    steps = getattr(options, "steps", 0)
    said = Choices(
        runs=getattr(options, "runs", None),
        steps="all" if steps is None else steps or None,
        timeout_s=options.timeout,
        preset=options.preset,
        budget=getattr(options, "budget", None),
        baseline=Path(options.baseline).absolute() if getattr(options, "baseline", None) else None,
    )
    environment = choices_of_environment(os.environ, Path.cwd())
    return resolve(said, environment, entry or Choices(), project.choices, DEFAULTS)


def _runs(options: argparse.Namespace, choices: Choices) -> int:
    """Return how many runs to make: as many as the wanted bound needs, else as was said."""
    if options.rate is None:
        assert choices.runs is not None  # there is a default
        return choices.runs
    if options.runs:
        raise UsageError(
            "--rate chooses the number of runs", code="usage", hint="leave out --runs or --rate"
        )
    return runs_needed(options.confidence, options.rate)


def project_of(spec: SubjectSpec) -> ProjectConfig:
    """Return what the pyproject.toml nearest to the subject says."""
    return load_project(spec.folder)


def settings_of(
    options: argparse.Namespace, project: ProjectConfig, choices: Choices, seed: int | None
) -> Settings:
    """Settings of the chosen preset, changed by what the command line gives."""
    base = Settings()
    if choices.preset:
        presets = dict(project.presets)
        if choices.preset not in presets:
            raise UsageError(
                f"there is no preset {choices.preset!r}"
                + (f" in {project.path}" if project.path else ""),
                code="preset-unknown",
                hint=did_you_mean(choices.preset, presets)
                or "define it under [tool.reproaudit.presets]",
            )
        base = presets[choices.preset]
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
    return combined(merge(base, given), (*base.interventions, *options.intervene))


def tolerances_of(options: argparse.Namespace, project: ProjectConfig | None) -> Tolerances:
    """Return what counts as equal: as the options say, and if they say nothing, as the project
    does."""
    if options.tolerance:
        from reproaudit.config.tolerance_options import parse_tolerances

        return parse_tolerances(options.tolerance)
    if project is None:
        return Tolerances()
    by_dtype = {} if project.tolerance is None else {"*": project.tolerance}
    return Tolerances(by_dtype, project.tolerances)
