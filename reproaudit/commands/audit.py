"""`reproaudit SUBJECT`: an audit, once or under each of several seeds."""

from __future__ import annotations

import argparse
from pathlib import Path

from reproaudit.arguments import audit_parser, split
from reproaudit.audit import AuditOptions
from reproaudit.audit import audit as run_audit
from reproaudit.commands.output import check_reports, emit
from reproaudit.compare.elements import parse_tolerance
from reproaudit.confidence import runs_needed
from reproaudit.errors import UsageError
from reproaudit.interventions import combined
from reproaudit.lab import Budget
from reproaudit.model import AuditResult, Tolerance, exit_code
from reproaudit.plan import SubjectSpec, parse_subject
from reproaudit.progress import progress_for
from reproaudit.settings import ProjectConfig, Settings, did_you_mean, load_project, merge


def audit(words: list[str]) -> int:
    """Audit the subject that the words name, once for each seed; return the exit code."""
    parser = audit_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    if subject is None:
        raise UsageError("no subject was named", code="usage", hint="reproaudit train.py; see reproaudit --help")
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
        raise UsageError(f"cannot understand --seeds {options.seeds!r}", code="usage", hint="--seeds 0,1,2") from None


def _audit_once(options: argparse.Namespace, subject: str, own: list[str], seed: int | None) -> AuditResult:
    spec = parse_subject(subject, own, options.inputs)
    project = project_of(spec)
    settings = settings_of(options, project, seed)
    steps = options.steps if hasattr(options, "steps") else project.steps if project.steps is not None else 10
    budget_runs, budget_s = options.budget
    wanted = AuditOptions(
        subject=spec,
        runs=_runs(options, project),
        steps=None if steps == "all" else steps,
        timeout_s=options.timeout or project.timeout_s,
        tolerances=tolerances_of(options, project),
        settings=settings,
        values_mb=options.values_mb,
        capture_alerts=not options.no_alerts,
        diagnose=not options.no_diagnosis,
        budget=Budget(budget_runs or Budget().runs, budget_s),
        level=options.confidence,
        fresh_copy=options.fresh_copy,
        repro=Path(options.repro) if options.repro else None,
        show_output=options.show_output,
    )
    if wanted.runs < 2:
        raise UsageError(
            "one run cannot be compared with anything",
            code="usage",
            hint="--runs 2 or more; for one trace: reproaudit record",
        )
    out = None
    if options.out:
        out = Path(options.out) if seed == options.seed else Path(options.out) / f"seed-{seed}"
    progress = progress_for(options.quiet)
    try:
        return run_audit(wanted, progress, out)
    finally:
        progress.close()


def _runs(options: argparse.Namespace, project: ProjectConfig) -> int:
    """Return how many runs to make: as many as the wanted bound needs, else as was said."""

    if options.rate is None:
        runs: int = options.runs or project.runs or 5
        return runs
    if options.runs:
        raise UsageError("--rate chooses the number of runs", code="usage", hint="leave out --runs or --rate")
    return runs_needed(options.confidence, options.rate)


def project_of(spec: SubjectSpec) -> ProjectConfig:
    """Return what the pyproject.toml nearest to the subject says."""
    return load_project(spec.file.parent if spec.path else spec.cwd)


def settings_of(options: argparse.Namespace, project: ProjectConfig, seed: int | None) -> Settings:
    """Settings of the named preset, changed by what the command line gives."""

    base = Settings()
    if options.preset:
        presets = dict(project.presets)
        if options.preset not in presets:
            raise UsageError(
                f"there is no preset {options.preset!r}" + (f" in {project.path}" if project.path else ""),
                code="preset-unknown",
                hint=did_you_mean(options.preset, presets) or "define it under [tool.reproaudit.presets]",
            )
        base = presets[options.preset]
    given = Settings(
        seed=seed, hash_seed=options.hash_seed, deterministic=options.deterministic,
        cudnn_benchmark=options.cudnn_benchmark, cudnn_deterministic=options.cudnn_deterministic, tf32=options.tf32,
        threads=options.threads, fill_uninitialized=options.fill_uninitialized,
        cublas_workspace=options.cublas_workspace, env=tuple(options.env), device=options.device,
    )  # fmt: skip
    return combined(merge(base, given), (*base.interventions, *options.intervene))


def tolerances_of(options: argparse.Namespace, project: ProjectConfig | None) -> dict[str, Tolerance]:
    """Return what counts as equal, by dtype: as the options say, else as the project does."""
    if options.tolerance is not None:
        return parse_tolerance(options.tolerance)
    if project is not None and project.tolerance is not None:
        return {"*": project.tolerance}
    return {}
