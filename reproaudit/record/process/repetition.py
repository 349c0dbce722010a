"""Recording one repetition of a piece of code within this process, which is left as it was found."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from reproaudit.config.plan import RunPlan
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.apply import apply_before_torch, apply_to_numpy, apply_to_torch
from reproaudit.record.process.imports import ImportGuard, ImportWatch
from reproaudit.record.process.install import Installation
from reproaudit.record.repairs import Reach, install_repairs
from reproaudit.record.session import Recorder
from reproaudit.record.state.process_state import ProcessState, seed_streams

_getpid = os.getpid


class _Forks:
    """Follows forks for whichever repetition is going on: a hook on forks cannot be taken back."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.in_child: list[Callable[[int], None]] = []
        self._count = 0
        self._is_hooked = False

    def hook(self) -> None:
        if not self._is_hooked:
            self._is_hooked = True
            os.register_at_fork(before=self._before, after_in_child=self._after_in_child)

    def _before(self) -> None:
        self._count += 1
        if self.recorder is not None:
            self.recorder.before_fork()

    def _after_in_child(self) -> None:
        number, self._count = self._count, 0
        if self.recorder is not None:
            self.recorder.after_fork_in_child()
        for action in self.in_child:
            action(number)


_forks = _Forks()


class Repetition:
    """One repetition while it goes on. `returned` is what the code under test gave, for the record."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def record_return(self, value: object) -> None:
        """Record what the code returned, tensors or not; a repetition that trained nothing counts
        as one step."""
        recorder = self._recorder
        before, recorder.state.inside = recorder.state.inside, True
        recordable = as_tensors(value)
        recorder.state.inside = before
        recorder.end_call(recordable, stepped=recorder.step > 0)


@contextmanager
def repetition(plan: RunPlan, state: ProcessState, seed: int | None) -> Iterator[Repetition]:
    """Record what happens inside, from random streams and flags that are the same each time.

    Starts from `state`, with all streams seeded if there is a `seed`, then applies the plan's
    settings and interventions. Imports move no stream: they happen in the first repetition only. An
    exception ends the trace with its name and goes on. `state` is put back at the end.
    """
    patches = Patches()
    state.restore()
    watch, guard = (
        ImportWatch(),
        ImportGuard(lambda: ProcessState.capture(with_flags=False).restore_streams),
    )
    try:
        if seed is not None:
            seed_streams(seed)
        _forks.hook()
        with _following(patches):
            _change(plan, patches, watch)
            guard.install()
            installation = Installation(plan, str(plan.trace_dir))
            _forks.recorder = installation.recorder
            outcome = Outcome(OutcomeKind.COMPLETED, 0)
            try:
                yield Repetition(installation.recorder)
            except BaseException as error:
                outcome = Outcome(OutcomeKind.RAISED, 1, _one_line(error))
                raise
            finally:
                installation.remove()
                installation.recorder.state.inside = (
                    True  # closing a trace on a device computes with torch
                )
                installation.recorder.finish(outcome)
                installation.recorder.active = False
    finally:
        guard.remove()
        patches.undo()
        watch.remove()
        state.restore()


@contextmanager
def _following(patches: Patches) -> Iterator[None]:
    _forks.in_child = []
    try:
        yield
    finally:
        _forks.recorder, _forks.in_child = None, []


def _change(plan: RunPlan, patches: Patches, watch: ImportWatch) -> None:
    settings = plan.settings
    for name, value in settings.env:
        before = os.environ.get(name)
        os.environ[name] = value
        patches.on_undo(lambda name=name, before=before: _put_back(name, before))  # type: ignore[misc]
    apply_before_torch(settings)
    if "numpy" in sys.modules:
        apply_to_numpy(settings)
    apply_to_torch(settings)
    if settings.interventions:
        reach = Reach(patches, FrameKinds().is_program, watch.when_imported, _forks.in_child.append)
        install_repairs(settings, reach)


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _one_line(error: BaseException) -> str:
    return " ".join(traceback.format_exception_only(type(error), error)[-1].split())[:500]


def as_tensors(value: object) -> Any:
    """Return the value with numbers, text and arrays replaced by tensors of the same content, for
    comparison by bytes.

    Containers keep their shape and names. What is none of these stays, and is not compared.
    """
    if isinstance(value, torch.Tensor) or value is None:
        return value
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return torch.tensor(value, dtype=torch.int64)
    if isinstance(value, (int, str, bytes)):
        data = value if isinstance(value, bytes) else f"{value}".encode("utf-8", "surrogatepass")
        return torch.tensor(list(data), dtype=torch.uint8)
    if isinstance(value, (float, complex)):
        return torch.tensor(
            value, dtype=torch.complex128 if isinstance(value, complex) else torch.float64
        )
    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_tensors(item) for item in value]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        array = numpy.array(value)
        if array.dtype.kind in "biufc" and array.dtype.isnative:
            return torch.from_numpy(array)
        return torch.tensor(list(repr(array.tolist()).encode()), dtype=torch.uint8)
    return value
