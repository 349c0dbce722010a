"""The options that say where runs are made, and how many at a time."""

from __future__ import annotations

import argparse

from reproaudit.cli.option_values import parse_pairs, parse_positive
from reproaudit.config.execution import EXECUTORS, LOCAL, OPTION_OF_EXECUTOR, Execution
from reproaudit.errors import UsageError


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Add --jobs, --executor, and the options of each executor."""
    parser.add_argument(
        "--jobs",
        type=parse_positive,
        default=0,
        metavar="N",
        help="make N runs at a time (default 1; ray: as there is room for; slurm: 8), each on "
        "its share of the cores and GPUs, and in a copy of the files of its own",
    )
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        default=LOCAL,
        help="where runs are made: on this machine (default), as tasks of a Ray cluster, or as "
        "jobs of Slurm",
    )
    parser.add_argument(
        "--ray",
        type=parse_pairs,
        metavar="KEY=VALUE,…",
        help="for --executor ray: address=HOST:PORT (default RAY_ADDRESS, or a cluster on this "
        "machine), and what each run needs: num_cpus=N (default 1; also its threads), num_gpus=N, "
        "resources.NAME=N",
    )
    parser.add_argument(
        "--slurm",
        type=parse_pairs,
        metavar="KEY=VALUE,…",
        help="for --executor slurm, which needs --out DIR that all nodes see: what each run's job "
        "asks for, such as partition=…,gres=gpu:1,cpus_per_task=N (also its threads),time=…; "
        "cluster=local tries it without Slurm",
    )


def read_execution(options: argparse.Namespace) -> Execution:
    """Return where runs are made, and how many at a time."""
    execution = Execution(options.executor, options.jobs, _read_executor_options(options))
    if options.thorough and not execution.is_plain:
        raise UsageError(
            "--thorough makes every second run beside busy processes on this machine, which can "
            "only be where runs are made on it, one after the other",
            code="usage",
            hint="leave out --thorough, or --jobs and --executor",
        )
    return execution


def _read_executor_options(options: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """Return what the chosen executor was given. Raises UsageError for what another one takes."""
    for name in OPTION_OF_EXECUTOR:
        if getattr(options, name) and name != options.executor:
            raise UsageError(
                f"--{name} is for --executor {name}, and the executor is {options.executor}",
                code="usage",
                hint=f"add --executor {name}, or leave out --{name}",
            )
    given = getattr(options, options.executor, None) or ()
    return tuple(given)
