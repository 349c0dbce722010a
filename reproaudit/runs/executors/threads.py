"""How many threads torch takes in each run: as many in all of them, wherever they are made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from reproaudit.config.settings import Settings, make_environment
from reproaudit.runs.executors.protocol import ExecutorOrder
from reproaudit.runs.interpreter import interpreter_flags

THREADS = "OMP_NUM_THREADS"
_COUNT_THREADS = "import torch; print(torch.get_num_threads())"
_COUNT_WITHIN_S = 120.0


def keep_threads(order: ExecutorOrder, wanted: str = "") -> Settings:
    """Return what gives each run the `wanted` threads; "": as many as on the whole machine here.

    Sums that are split among fewer threads are other sums: it would be another program. A command
    may start ranks, which have a number of threads of their own: it is left alone, as is what has a
    number already.
    """
    environment = {**os.environ, **make_environment(order.settings)}
    if order.subject.is_command or order.settings.threads or THREADS in environment:
        return Settings()
    threads = wanted or _count_threads(order, environment)
    return Settings(env=((THREADS, threads),)) if threads else Settings()


def word_threads(settings: Settings) -> str:
    """Say how many threads there are, given what `keep_threads` returned."""
    threads = dict(settings.env).get(THREADS)
    return "threads as it is given there" if threads is None else f"{threads} threads of torch"


def _count_threads(order: ExecutorOrder, environment: Mapping[str, str]) -> str:
    """Ask torch how many threads it takes on the whole machine; "" if that cannot be known."""
    try:
        asked = subprocess.run(
            [order.python, *interpreter_flags(), "-c", _COUNT_THREADS],
            check=True,
            capture_output=True,
            text=True,
            cwd=order.subject.cwd,
            env=environment,
            timeout=_COUNT_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    answer = asked.stdout.strip()
    return answer if answer.isdigit() else ""
