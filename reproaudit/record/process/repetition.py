"""Recording one repetition of code within this process, which is left as it was found."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from reproaudit.config.plan import RunPlan
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.apply import apply_before_torch, apply_to_numpy, apply_to_torch
from reproaudit.record.process.errors import describe_in_one_line
from reproaudit.record.process.forks import forks
from reproaudit.record.process.imports import ImportGuard, ImportWatch
from reproaudit.record.process.install import Installation
from reproaudit.record.repairs import Reach, install_repairs
from reproaudit.record.session import Recorder
from reproaudit.record.state.process_state import ProcessState, seed_streams
from reproaudit.record.torch_private import count_compiled
from reproaudit.record.variations import install_variations


class Repetition:
    """One repetition while it goes on."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def record_return(self, value: object) -> None:
        """Record what the code returned, tensors or not.

        A repetition that trained nothing counts as one step.
        """
        recorder = self._recorder
        state = recorder.state
        before = state.inside
        state.inside = True  # making tensors of what is none is no op of the program
        recordable = convert_to_tensors(value)
        state.inside = before
        recorder.end_call(recordable, stepped=recorder.step > 0)


@contextmanager
def repetition(plan: RunPlan, state: ProcessState, seed: int | None) -> Iterator[Repetition]:
    """Record what happens inside, from random streams and flags that are the same each time.

    Starts from `state`, with all streams seeded if there is a `seed`, then applies the plan's
    settings and interventions. Imports move no stream: they happen in the first repetition only.
    What torch.compile made in it is forgotten. An exception ends the trace with its name and goes
    on. `state` is put back at the end.
    """
    patches = Patches()
    compiled = count_compiled()
    state.restore()
    watch = ImportWatch()
    guard = ImportGuard(lambda: ProcessState.capture(with_flags=False).restore_streams)
    try:
        if seed is not None:
            seed_streams(seed)
        forks.hook()
        with forks.follow():
            _apply_plan(plan, patches, watch)
            guard.install()
            # What outlives a repetition may change with each: it is not what the code computes.
            installation = Installation(plan, str(plan.trace_dir), reads_end=False)
            forks.recorder = installation.recorder
            outcome = Outcome(OutcomeKind.COMPLETED, 0)
            try:
                yield Repetition(installation.recorder)
            except BaseException as error:
                outcome = Outcome(OutcomeKind.RAISED, 1, describe_in_one_line(error))
                raise
            finally:
                installation.remove()
                # Closing the trace of a device computes with torch.
                installation.recorder.state.inside = True
                installation.recorder.finish(outcome)
                installation.recorder.active = False
    finally:
        guard.remove()
        patches.undo()
        watch.remove()
        if count_compiled() != compiled:
            # Else the next one would find kernels for other sizes, or no room for its own: it would
            # run another program than the first.
            torch.compiler.reset()
        state.restore()


def _apply_plan(plan: RunPlan, patches: Patches, watch: ImportWatch) -> None:
    settings = plan.settings
    for name, value in settings.env:
        patches.on_undo(functools.partial(_put_back, name, os.environ.get(name)))
        os.environ[name] = value
    apply_before_torch(settings)
    if "numpy" in sys.modules:
        apply_to_numpy(settings)
    apply_to_torch(settings)
    if settings.interventions or settings.variations:
        reach = Reach(
            patches=patches,
            is_program=FrameKinds().is_program,
            when_imported=watch.when_imported,
            after_fork=forks.in_child.append,
            settings=settings,
        )
        install_repairs(settings, reach)
        install_variations(settings, reach)


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def convert_to_tensors(value: object) -> Any:
    """Replace numbers, text and arrays by tensors of the same content, to be compared by bytes.

    Containers keep their shape and names. What is none of these stays, and is not compared.
    """
    if isinstance(value, torch.Tensor) or value is None:
        return value
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return torch.tensor(value, dtype=torch.int64)
    if isinstance(value, (int, str, bytes)):
        return _bytes_tensor(value if isinstance(value, bytes) else _encode(value))
    if isinstance(value, (float, complex)):
        dtype = torch.complex128 if isinstance(value, complex) else torch.float64
        return torch.tensor(value, dtype=dtype)
    if isinstance(value, dict):
        return {key: convert_to_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [convert_to_tensors(item) for item in value]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        array = numpy.array(value)
        # torch has no dtype for dates, texts and objects, nor for foreign byte orders.
        if array.dtype.kind in "biufc" and array.dtype.isnative:
            return torch.from_numpy(array)
        return _bytes_tensor(repr(array.tolist()).encode())
    return value


def _encode(value: int | str) -> bytes:
    return f"{value}".encode("utf-8", "surrogatepass")


def _bytes_tensor(data: bytes) -> torch.Tensor:
    return torch.tensor(list(data), dtype=torch.uint8)
