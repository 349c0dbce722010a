"""All looks at this machine, in the order in which they are told."""

from __future__ import annotations

import os
from collections.abc import Iterator

from reproaudit.doctor.check import Check
from reproaudit.doctor.machine_checks import (
    check_folders,
    check_memory,
    check_processes,
    check_variables,
)
from reproaudit.doctor.tool_checks import check_extras, check_tools
from reproaudit.doctor.torch_checks import check_python, check_torch


def examine(limit_s: float) -> Iterator[Check]:
    """Yield each check as soon as it is made; torch is imported for at most `limit_s` seconds.

    Nothing is left, and no network is asked.
    """
    yield check_python()
    yield from check_torch(limit_s)
    yield check_memory()
    yield from check_folders()
    yield from check_processes()
    yield from check_tools(os.environ)
    yield from check_variables(os.environ)
    yield from check_extras()
