"""Recording a part of what this process does, such as a training loop, as it is.

Nothing is seeded, no flag is set, and nothing but the hooks is put back at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from reproaudit.config.plan import RunPlan
from reproaudit.errors import UsageError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.process import install
from reproaudit.record.process.errors import describe_in_one_line
from reproaudit.record.process.forks import forks
from reproaudit.record.process.install import Installation
from reproaudit.record.process.other_kernels import named_cells
from reproaudit.record.session import Recorder


@contextmanager
def watching(
    plan: RunPlan,
    models: Sequence[torch.nn.Module],
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    steps: int | None,
) -> Iterator[Recorder]:
    """Record what happens inside, and at most so many steps; what follows these goes on unrecorded.

    Tensors are called as in the `models`, whichever of their modules is called first, and what the
    models hold at the beginning is recorded, but for a rank among several. Without optimizers each
    backward pass is a step. An exception ends the trace with its name and goes on.
    Raises UsageError if this process is recorded already.
    """
    _require_types(models, optimizers)
    if install.current is not None or forks.recorder is not None:
        raise UsageError(
            "this process is being recorded already",
            code="usage",
            hint="watch one loop at a time, and none in a program that is audited",
        )
    forks.hook()
    with forks.follow(), named_cells(_find_shell()):
        installation = Installation(plan, str(plan.trace_dir))
        recorder = installation.recorder
        forks.recorder = recorder
        # An optimizer that was made before has not told us.
        recorder.has_optimizer = bool(optimizers)
        if steps is not None:
            recorder.has_seen_enough = _Enough(recorder, steps).look
        outcome = Outcome(OutcomeKind.COMPLETED, 0)
        try:
            for model in models:
                installation.boundaries.record_initial(model)
            yield recorder
        except BaseException as error:
            outcome = Outcome(OutcomeKind.RAISED, 1, describe_in_one_line(error))
            raise
        finally:
            installation.remove()
            if not recorder.is_complete:
                recorder.finish(outcome)
            recorder.active = False


class _Enough:
    """Ends the recording once so many steps are made; the program is not stopped."""

    def __init__(self, recorder: Recorder, steps: int) -> None:
        self._recorder = recorder
        self._steps = steps

    def look(self) -> bool:
        """Return False, for True would end the program."""
        if self._recorder.step >= self._steps:
            self._recorder.complete()
        return False


def _require_types(models: Sequence[object], optimizers: Sequence[object]) -> None:
    for found, kind in ((models, torch.nn.Module), (optimizers, torch.optim.Optimizer)):
        for one in found:
            if not isinstance(one, kind):
                name = f"{kind.__module__}.{kind.__qualname__}"
                raise UsageError(
                    f"a {type(one).__name__} was given to watch, and is no {name}",
                    code="usage",
                    hint="reproaudit.watch(model, optimizer)",
                )


def _find_shell() -> object:
    """Return IPython's shell, which executes the cells of a notebook; None outside of one."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
