"""`reproaudit.vary`: what of a program depends on things that ought not to matter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from reproaudit.api.asking import ask
from reproaudit.api.result import Result, make_result
from reproaudit.cli.vary import answer_vary
from reproaudit.cli.vary_options import make_vary_parser


def vary(
    subject: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    vary: str | Sequence[str] = (),
    inputs: str | Sequence[str] = (),
    steps: int | Literal["all"] | None = None,
    timeout: float | None = None,
    tolerance: str | Sequence[str] = (),
    budget: str | int | None = None,
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
    fresh_copy: bool = False,
    jobs: int | None = None,
    executor: Literal["local", "ray", "slurm"] | None = None,
    ray: Mapping[str, str | int | float] | None = None,
    slurm: Mapping[str, str | int | float] | None = None,
    out: str | os.PathLike[str] | None = None,
    values_mb: int | None = None,
    track: str | Sequence[str] = (),
    no_source: bool = False,
    show_output: bool = False,
    quiet: bool = False,
) -> Result:
    """Run a program as it is, and once under each value of things that ought not to matter; name
    the operator and the line that depend on one, and say whether that is documented or a bug.

    .. code-block:: python

        result = reproaudit.vary("train.py", vary=["threads=1,2", "hash_seed"])
        for outcome in result.variations:
            print(outcome.name, outcome.value, outcome.dependence.value, outcome.why)

    `vary` is what the option of that name takes, each as a text of its own; without it the list of
    `[tool.reproaudit]` counts, or else all variations. All else is as in `audit`, and as
    `reproaudit vary` has it; a server (`--endpoint`) is asked by the command alone.

    Of the result, `variations` has an entry for each value that was asked for; the `variation` of a
    finding names the value that it was found under.

    Raises what `audit` raises.
    """
    result, _ = ask(make_vary_parser(), dict(locals()), answer_vary)
    return make_result(result)
