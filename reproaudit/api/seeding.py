"""`reproaudit.seeds`: whether the program's seed reaches what is drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from reproaudit.api.asking import ask
from reproaudit.api.result import Result, make_result
from reproaudit.cli.seeds import answer_seeds, make_seeds_parser


def seeds(
    subject: str | os.PathLike[str],
    args: Sequence[str] = (),
    *,
    seed_arg: str | None = None,
    seed_env: str | None = None,
    seed_config: str | None = None,
    timeline: bool = False,
    seeds: str | Sequence[int] = (1, 2, 0),
    inputs: str | Sequence[str] = (),
    steps: int | Literal["all"] | None = None,
    timeout: float | None = None,
    tolerance: str | Sequence[str] = (),
    budget: str | int | None = None,
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
    """Run a program under several seeds, and say of each line that draws random numbers whether
    they follow the seed, are the same under every seed, or are others in each run.

    .. code-block:: python

        result = reproaudit.seeds("train.py", seed_arg="--seed")
        for stream in result.streams:
            print(stream.stream, stream.effect.value, stream.location)

    One of `seed_arg`, `seed_env` and `seed_config` says how the program takes its seed: by an
    option, a variable of the environment, or a key among its arguments. Four runs are made under
    the first of `seeds`. With `timeline` there is one run instead, and nothing is compared. All
    else is as in `audit`, and as `reproaudit seeds` has it.

    Of the result, `streams` are the random streams, and `timeline` says by which line, before or
    after what was built, seeds and flags are set.

    Raises what `audit` raises.
    """
    result, _ = ask(make_seeds_parser(), dict(locals()), answer_seeds)
    return make_result(result)
