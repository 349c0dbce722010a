"""`reproaudit.resume`: whether a run that goes on from its checkpoint equals one that was not
stopped."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Literal

from reproaudit.api.asking import ask
from reproaudit.api.result import Result, make_result
from reproaudit.cli.resume import answer_resume, make_resume_parser


def resume(
    subject: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    at: int | None = None,
    stop_by: Literal["checkpoint", "exception", "sigterm"] = "checkpoint",
    resume_args: str | Sequence[str] | None = None,
    stop_args: str | Sequence[str] | None = None,
    steps: int | Literal["all"] | None = None,
    timeout: float | None = None,
    tolerance: str | Sequence[str] = (),
    no_diagnosis: bool = False,
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
    out: str | os.PathLike[str] | None = None,
    values_mb: int | None = None,
    track: str | Sequence[str] = (),
    no_source: bool = False,
    show_output: bool = False,
    quiet: bool = False,
) -> Result:
    """Run a program through, stop it after `at` optimizer steps, let it go on from what it left,
    and compare the rest bit for bit.

    .. code-block:: python

        result = reproaudit.resume("train.py", at=6, resume_args=["--resume", "{checkpoint}"])
        for lost in result.resumption.lost:
            print(lost)

    `resume_args` are added to `args` to go on, where `{checkpoint}` stands for the newest file that
    the stopped run wrote; `stop_args` are added in the run that is stopped, and without `at` it
    ends by itself. Both are a list of words, or a text that is parted as a shell does it. All else
    is as in `audit`, and as `reproaudit resume` has it. Each run works in a copy of the project.

    Of the result, `resumption` has the checkpoint, the first difference and the state that was
    lost.

    Raises what `audit` raises.
    """
    given = dict(locals())
    for name in ("resume_args", "stop_args"):
        words = given[name]
        if words is not None and not isinstance(words, str):
            given[name] = shlex.join(map(str, words))
    result, _ = ask(make_resume_parser(), given, answer_resume)
    return make_result(result)
