"""`reproaudit vary SUBJECT`: what of a program depends on things that ought not to matter."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.audit import make_audit_options
from reproaudit.cli.endpoint import vary_endpoint
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.questions import Asked, answer, read_asked
from reproaudit.cli.vary_options import list_table, make_vary_parser, part_tolerances
from reproaudit.config.project import Choices, ProjectConfig
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Tolerances, parse_tolerances
from reproaudit.errors import UsageError
from reproaudit.knowledge.interventions import combine_settings
from reproaudit.knowledge.wanted import Wanted, read_wanted
from reproaudit.report.output import write_to_stdout

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress

_RUNS_EACH = 3  # of a value that differs: to compare it, and to find where


def vary(words: list[str]) -> int:
    """Run the subject as it is and varied; return the exit code."""
    parser = make_vary_parser()
    ours, subject, own = split_and_warn(parser, words)
    options = parser.parse_args(ours)
    if options.list:
        write_to_stdout(list_table())
        return 0
    if options.endpoint is not None:
        if subject is not None:
            raise UsageError(
                f"both a server and a program are named: {subject}",
                code="usage",
                hint="--endpoint asks a server instead of running a program",
            )
        return vary_endpoint(options)
    asked = read_asked(parser, ours, subject, own, example="train.py --vary threads=1,2")
    return answer(asked, answer_vary)


def answer_vary(asked: Asked, progress: Progress) -> AuditResult:
    """Run the program as it is and varied."""
    return make_vary_result(
        asked.options,
        asked.spec,
        read_wanted(asked.options.vary or asked.project.vary),
        progress=progress,
        project=asked.project,
        choices=asked.choices,
        out=asked.out,
    )


def make_vary_result(
    options: argparse.Namespace,
    spec: SubjectSpec,
    wanted: Sequence[Wanted],
    *,
    progress: Progress,
    project: ProjectConfig,
    choices: Choices,
    seed: int | None = None,
    out: Path | None = None,
    held: Sequence[str] = (),
) -> AuditResult:
    """Vary one subject as the command line and what was resolved say.

    `seed` is that of its runs where the command line gives none; `held` are interventions that all
    of them have.
    """
    with hold_interrupts():
        from reproaudit.experiment.batch import is_of_batches, vary_batch
        from reproaudit.experiment.vary import vary as run_vary
        from reproaudit.runs.budget import Budget

    ordinary, of_variations = part_tolerances(options.tolerance)
    _require_varied(of_variations, wanted)
    options = argparse.Namespace(**{**vars(options), "tolerance": ordinary})
    of_none, of_project = part_tolerances(project.vary_tolerance)
    of_none = [text for text in of_none if text.strip()]
    if of_none:
        raise UsageError(
            f"vary_tolerance of [tool.reproaudit]: {of_none[0]!r} names no variation",
            code="tolerance-syntax",
            hint='write it as "threads:float32:rtol=1e-5"; `tolerance` holds for all',
        )
    seed = seed if options.seed is None else options.seed
    audited = make_audit_options(options, spec, project=project, choices=choices, seed=seed)
    audited = replace(audited, settings=combine_settings(audited.settings, tuple(held)))
    if choices.budget is None or choices.budget[0] is None:
        # As many as it takes, however many variations were asked for.
        runs = max(Budget().runs, _RUNS_EACH * len(wanted))
        audited = replace(audited, budget=replace(audited.budget, runs=runs))
    tolerances: dict[str, Tolerances] = {}
    for name, texts in {**of_project, **of_variations}.items():
        tolerances[name] = parse_tolerances(texts)
    ask = vary_batch if is_of_batches(wanted) else run_vary
    return ask(audited, wanted, progress, out, tolerances=tolerances)


def _require_varied(named: Iterable[str], wanted: Sequence[Wanted]) -> None:
    """Raise UsageError for a tolerance of the command line that nothing would be held to.

    The list of a project may name more than one command line varies.
    """
    varied = {one.name for one in wanted}
    for name in named:
        if name not in varied:
            raise UsageError(
                f"there is a tolerance for {name}, which is not varied",
                code="tolerance-unused",
                hint=f"add --vary {name}, or leave the tolerance out; varied: "
                f"{', '.join(sorted(varied))}",
            )
