"""The executors by name. A new one is an entry here and a module with a `make`."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from reproaudit.config.execution import LOCAL, RAY, SLURM
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.runs.executors.protocol import Executor, ExecutorOrder


@dataclass(frozen=True, slots=True)
class Entry:
    """`library` is imported by the module, and comes with the extra of the executor's name."""

    module: str
    library: str = ""


EXECUTORS = {
    LOCAL: Entry("reproaudit.runs.executors.local"),
    RAY: Entry("reproaudit.runs.executors.ray_cluster", library="ray"),
    SLURM: Entry("reproaudit.runs.executors.slurm_jobs", library="submitit"),
}


def make_executor(order: ExecutorOrder) -> Executor | None:
    """Return the executor; None where runs are made here, one after the other.

    Raises UsageError for an unknown one, and for one whose library is not installed.
    """
    name = order.execution.executor
    entry = EXECUTORS.get(name)
    if entry is None:
        raise UsageError(
            f"there is no executor {name!r}",
            code="executor-unknown",
            hint=did_you_mean(name, EXECUTORS),
        )
    if name == LOCAL and order.jobs < 2:
        return None
    if entry.library:
        try:
            importlib.import_module(entry.library)
        except ImportError as error:
            raise UsageError(
                f"--executor {name} needs {entry.library}, which cannot be imported: {error}",
                code="extra-missing",
                hint=f"pip install 'reproaudit[{name}]'",
            ) from None
    executor: Executor = importlib.import_module(entry.module).make(order)
    return executor
