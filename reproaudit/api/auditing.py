"""`reproaudit.audit`: the audit of the command line, as a function."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from reproaudit.api.progress import choose_progress
from reproaudit.api.result import Result, make_result
from reproaudit.api.words import read_options, write_words
from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.audit import make_audit_options
from reproaudit.cli.choices import resolve_choices
from reproaudit.cli.given import keep_options
from reproaudit.cli.page_options import withhold
from reproaudit.cli.tracking import track as track_results
from reproaudit.config.project import load_project
from reproaudit.config.subject import parse_subject
from reproaudit.errors import SubjectError, UsageError
from reproaudit.experiment.audit import audit as run_audit
from reproaudit.experiment.deciding_runs import name_deciding_run
from reproaudit.model.result import AuditResult
from reproaudit.report.destinations import REPRODUCER, TRACES
from reproaudit.report.early_answer import EarlyAnswer
from reproaudit.track.registry import read_wanted

_INTERRUPTED = "interrupted"


def audit(
    subject: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    inputs: str | Sequence[str] = (),
    runs: int | None = None,
    steps: int | Literal["all"] | None = None,
    timeout: float | None = None,
    tolerance: str | Sequence[str] = (),
    fast: bool = False,
    thorough: bool = False,
    confidence: float | None = None,
    rate: float | None = None,
    budget: str | int | None = None,
    no_diagnosis: bool = False,
    no_alerts: bool = False,
    seed: int | None = None,
    hash_seed: int | None = None,
    deterministic: bool | Literal["error", "warn"] | None = None,
    cudnn_benchmark: bool | None = None,
    cudnn_deterministic: bool | None = None,
    tf32: bool | None = None,
    threads: int | None = None,
    fill_uninitialized: bool | None = None,
    cublas_workspace: str | None = None,
    env: Mapping[str, str] | None = None,
    device: Literal["cpu", "cuda"] | None = None,
    intervene: str | Sequence[str] = (),
    preset: str | None = None,
    fresh_copy: bool = False,
    jobs: int | None = None,
    executor: Literal["local", "ray", "slurm"] | None = None,
    ray: Mapping[str, str | int | float] | None = None,
    slurm: Mapping[str, str | int | float] | None = None,
    out: str | os.PathLike[str] | None = None,
    repro: str | os.PathLike[str] | None = None,
    values_mb: int | None = None,
    track: str | Sequence[str] = (),
    no_source: bool = False,
    show_output: bool = False,
    quiet: bool = False,
) -> Result:
    """Run a program several times in fresh processes, compare the runs bit for bit, and find the
    operator where they first differ, the cause and a repair that is proven by running it.

    `subject` is what the command line takes: a script, a notebook, `-m package.module`,
    `file.py::function`, `file.py::Module` with `inputs`, or a command such as `torchrun`. `args`
    are the subject's own arguments, which the function does not look at. Everything else is the
    option of `reproaudit SUBJECT` by the same name: `timeout` in seconds, `values_mb` in MiB per
    run, `steps="all"` to the end of the program, `budget=20` runs or `"5m"`, `env={"NAME":
    "value"}`. What is not given is as there, also by `[tool.reproaudit]` in pyproject.toml and the
    variables that begin with `REPROAUDIT_`.

    Progress is shown on standard error, and in a notebook below the cell, unless `quiet`. With
    `out`, the traces stay there, and are the `traces` of the result.

    Ctrl-C, or the interruption of a kernel, stops the running program. What is known by then is
    returned, and `not_checked` says what was not come to; before two runs could be compared it
    raises KeyboardInterrupt, whose message says where the recorded runs are.

    Raises UsageError for an argument that cannot be meant and a subject that is not there, and
    SubjectError if the program fails, hangs, or does nothing that can be compared. Both are
    ReproauditError, whose `code` is stable: `reproaudit explain CODE` says more.
    """
    given = dict(locals())  # at first, while these are the arguments alone
    for name in ("subject", "args", "inputs"):
        del given[name]
    if isinstance(args, str):
        raise UsageError(
            f"args is the text {args!r}, and is to be a list",
            code="usage",
            hint="write each word by itself, such as ['--lr', '0.1']; shlex.split(text) parts them",
        )
    parser = make_audit_parser()
    words = write_words(parser, given)
    options = read_options(parser, words)
    folder = None if out is None else Path(out)
    if folder is not None:
        TRACES.try_folder(folder)
    if repro is not None:
        REPRODUCER.try_folder(Path(repro))
    spec = parse_subject(os.fspath(subject), tuple(map(str, args)), inputs)
    project = load_project(spec.folder)
    choices = resolve_choices(options, project)
    trackers = read_wanted(choices.track or ())
    wanted = replace(
        make_audit_options(options, spec, project=project, choices=choices, seed=seed),
        given=keep_options(parser, words),
        repro=None if repro is None else Path(repro),
    )
    progress = choose_progress(quiet, EarlyAnswer(spec.shown_folder).word)
    try:
        result = withhold(options, run_audit(wanted, progress, folder))
    except SubjectError as error:
        if error.code != _INTERRUPTED:
            raise
        # Not an Exception: a loop over several programs that goes on after a failure is to end.
        raise KeyboardInterrupt(str(error)) from None
    finally:
        progress.close()
    track_results([result], trackers)
    return make_result(result, _list_traces(result, folder))


def _list_traces(result: AuditResult, folder: Path | None) -> tuple[Path, ...]:
    """Return the folders of the runs that decided; none if they were not kept."""
    if folder is None:
        return ()
    deciding = sorted(index for group in result.classes for index in group)
    return tuple(folder / name_deciding_run(index) for index in deciding)
