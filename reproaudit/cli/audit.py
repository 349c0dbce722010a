"""`reproaudit SUBJECT`: an audit, once or under each of several seeds.

What runs and compares is imported once the words are understood: help and mistakes are answered at
once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.choices import (
    find_whole_limit,
    limit_steps,
    read_settings,
    read_tolerances,
)
from reproaudit.cli.effort import read_effort
from reproaudit.cli.execution import read_execution
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.page_options import choose_page_options, withhold
from reproaudit.cli.questions import Asked, read_asked
from reproaudit.cli.tracking import track
from reproaudit.config.project import Choices, ProjectConfig
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.model.verdict import exit_code
from reproaudit.report.destinations import Failures
from reproaudit.report.output import emit

if TYPE_CHECKING:
    from reproaudit.experiment.options import AuditOptions
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress


def audit(words: list[str]) -> int:
    """Audit the subject that the words name, once for each seed; return the exit code."""
    parser = make_audit_parser()
    ours, subject, own = split_and_warn(parser, words)
    asked = read_asked(parser, ours, subject, own)
    options = asked.options
    seeds = _read_seeds(options)
    verdicts = []
    failures = Failures()
    for number, seed in enumerate(seeds):
        result = _audit_once(asked, seed)
        verdicts.append(result.verdict)
        result = withhold(options, result)
        # At once: what comes of the next seed must not cost this one's result.
        with failures.put_off():
            suffix = f"-{number}" if len(seeds) > 1 else ""
            page = choose_page_options(options)
            emit(result, options.report, suffix, options=page, plain=options.plain)
        is_last = number == len(seeds) - 1
        if not track([result], asked.trackers) and not is_last:
            raise KeyboardInterrupt
    failures.raise_any()
    return exit_code(verdicts)


def _read_seeds(options: argparse.Namespace) -> list[int | None]:
    """Return the seeds to audit under; None: nothing is seeded."""
    if options.seeds is None:
        return [options.seed]
    if options.seed is not None:
        raise UsageError(
            "--seeds and --seed both say what to seed with",
            code="usage",
            hint="leave out one of the two",
        )
    try:
        return [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        raise UsageError(
            f"cannot understand --seeds {options.seeds!r}", code="usage", hint="--seeds 0,1,2"
        ) from None


def _audit_once(asked: Asked, seed: int | None) -> AuditResult:
    with hold_interrupts():
        from reproaudit.report.early_answer import EarlyAnswer
        from reproaudit.runs.progress import progress_for

    options = asked.options
    word = EarlyAnswer(asked.spec.shown_folder).word
    progress = progress_for(options.quiet, word, plain=options.plain)
    try:
        return answer_audit(asked, progress, seed)
    finally:
        progress.close()


def answer_audit(asked: Asked, progress: Progress, seed: int | None) -> AuditResult:
    """Audit the program under a seed; None: nothing is seeded."""
    with hold_interrupts():
        from reproaudit.experiment.audit import audit as run_audit

    options = asked.options
    wanted = make_audit_options(
        options, asked.spec, project=asked.project, choices=asked.choices, seed=seed
    )
    given = asked.given
    if seed != options.seed:
        given = (*given, "--seed", str(seed))
    wanted = replace(
        wanted,
        given=given,
        patch_file=_find_patch_file(options.report),
        repro=None if options.repro is None else Path(options.repro),
    )
    return run_audit(wanted, progress, _choose_folder(asked, seed))


def _find_patch_file(reports: Sequence[tuple[str, str]]) -> str:
    """Return the file that a patch report goes to; "" if there is none."""
    files = [path for name, path in reports if name == "patch" and path != "-"]
    return files[0] if files else ""


def _choose_folder(asked: Asked, seed: int | None) -> Path | None:
    """Return where the traces are kept, with --seeds one folder for each; None: they are not."""
    if asked.out is None or seed == asked.options.seed:
        return asked.out
    return asked.out / f"seed-{seed}"


def make_audit_options(
    options: argparse.Namespace,
    spec: SubjectSpec,
    *,
    project: ProjectConfig,
    choices: Choices,
    seed: int | None,
) -> AuditOptions:
    """Put together what to audit and how, from the command line and what was resolved."""
    with hold_interrupts():
        from reproaudit.experiment.options import AuditOptions
        from reproaudit.runs.budget import Budget

    effort = read_effort(options, choices, project)
    budget_runs, budget_s = choices.budget or (None, None)
    wanted = AuditOptions(
        subject=spec,
        runs=effort.runs,
        runs_to_pass=effort.runs_to_pass,
        further_runs=effort.further_runs,
        spares_runs=effort.spares_runs,
        has_load=effort.has_load,
        steps=limit_steps(choices),
        whole_within_s=find_whole_limit(choices, spec),
        timeout_s=choices.timeout_s,
        tolerances=read_tolerances(options, project),
        ignored=project.ignored,
        settings=read_settings(options, project, choices, seed),
        values_mb=options.values_mb,
        capture_alerts=effort.capture_alerts,
        alerts_to_end=effort.alerts_to_end,
        diagnose=not options.no_diagnosis,
        glances=effort.glances,
        budget=Budget(budget_runs or Budget().runs, budget_s),
        level=effort.level,
        fresh_copy=options.fresh_copy,
        execution=read_execution(options),
        show_output=options.show_output,
        shows_source=not options.no_source,
    )
    if wanted.runs < 2:
        raise UsageError(
            "one run cannot be compared with anything",
            code="usage",
            hint="--runs 2 or more; for one trace: reproaudit record",
        )
    return wanted
