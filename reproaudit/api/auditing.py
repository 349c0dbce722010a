"""`reproaudit.audit`: the audit of the command line, as a function."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from reproaudit.api.asking import ask
from reproaudit.api.result import Result, make_result
from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.audit import answer_audit
from reproaudit.cli.questions import Asked
from reproaudit.experiment.deciding_runs import name_deciding_run
from reproaudit.model.result import AuditResult
from reproaudit.runs.progress import Progress


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

    def make_runs(asked: Asked, progress: Progress) -> AuditResult:
        return answer_audit(asked, progress, seed)

    result, asked = ask(make_audit_parser(), given, make_runs)
    return make_result(result, _list_traces(result, asked.out))


def _list_traces(result: AuditResult, folder: Path | None) -> tuple[Path, ...]:
    """Return the folders of the runs that decided; none if they were not kept."""
    if folder is None:
        return ()
    deciding = sorted(index for group in result.classes for index in group)
    return tuple(folder / name_deciding_run(index) for index in deciding)
