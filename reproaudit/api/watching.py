"""`reproaudit.watch`: records a training loop of this process, and writes a trace."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from reproaudit.api.progress import is_notebook
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.model.events import Level
from reproaudit.report.destinations import TRACES
from reproaudit.runs.owner import make_temporary_folder

if TYPE_CHECKING:
    import torch

    from reproaudit.record.session import Recorder

_NOTEBOOK = "<notebook>"
_INTERPRETER = "<python>"


class Watch:
    """A recording of a part of this process, made by `watch`; a context manager, used once."""

    def __init__(
        self,
        trace: Path,
        models: Sequence[torch.nn.Module],
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        level: Level,
        steps: int | None,
        values_mb: int,
    ) -> None:
        self._trace = trace
        self._models = models
        self._optimizers = optimizers
        self._level = level
        self._most_steps = steps
        self._values_mb = values_mb
        self._recording: AbstractContextManager[Recorder] | None = None
        self._recorder: Recorder | None = None
        self._is_over = False

    @property
    def trace(self) -> Path:
        """The folder of the trace: for `reproaudit.compare`, and for all commands that read one."""
        return self._trace

    @property
    def steps(self) -> int:
        """How many optimizer steps were recorded so far."""
        return 0 if self._recorder is None else self._recorder.step

    @property
    def is_over(self) -> bool:
        """True once the `with` block has ended: the trace is whole."""
        return self._is_over

    def __enter__(self) -> Watch:
        if self._recording is not None:
            raise UsageError(
                "a Watch is used once",
                code="usage",
                hint="call reproaudit.watch again for another recording",
            )
        # Not at the top: `import reproaudit` is to bring no torch.
        from reproaudit.record.process.watching import watching

        plan = RunPlan(
            trace_dir=self._trace,
            subject=_describe_program(),
            level=self._level,
            values_mb=self._values_mb,
        )
        recording = watching(plan, self._models, self._optimizers, steps=self._most_steps)
        self._recorder = recording.__enter__()
        self._recording = recording
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._recording is not None
        try:
            self._recording.__exit__(kind, error, traceback)
        finally:
            self._is_over = True
            # What was watched may be freed while the trace is still of use.
            self._models = self._optimizers = ()

    def __repr__(self) -> str:
        state = "ended" if self._is_over else "under way" if self._recording else "not begun"
        return f"<reproaudit.Watch {state}, {self.steps} steps: {self.trace}>"


def watch(
    model: torch.nn.Module | Sequence[torch.nn.Module],
    optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | None,
    *,
    out: str | os.PathLike[str] | None = None,
    level: Literal["boundary", "operation"] = "operation",
    steps: int | None = None,
    values_mb: int = 64,
) -> Watch:
    """Record the training loop inside the `with` block, in this process and as it is.

    .. code-block:: python

        with reproaudit.watch(model, optimizer) as first:
            train(model, optimizer, steps=10)

    Recorded is all that trains in the block: batches, outputs, losses, gradients, parameters,
    random states, and at level "operation" every operator with digests of its inputs and outputs,
    and its line. Tensors are called by their names in `model`. A step ends with each step of an
    optimizer; where `optimizer` is None, with each backward pass. The first `steps` of them are
    recorded, and the loop goes on. The trace goes into the folder `out`, which must be empty or not
    there, or into a temporary one that goes with this process; of tensors' values at most
    `values_mb` MiB are kept.

    What the model holds as the block begins is recorded too: of two loops that began with
    different parameters, `compare` names the first parameter that differs.

    Nothing is seeded and no result changes. What only differs between processes, such as string
    hashes, is the same for two loops of one process: `audit` finds that.

    Raises UsageError for a folder that holds files or cannot be written, for what is neither model
    nor optimizer, and, when the block is entered, if this process is being recorded already.
    """
    if level not in ("boundary", "operation"):
        raise UsageError(
            f"there is no level {level!r}", code="usage", hint='"boundary" or "operation"'
        )
    if steps is not None and steps < 1:
        raise UsageError(f"steps is {steps}", code="usage", hint="record one step or more")
    if values_mb < 0:
        raise UsageError(f"values_mb is {values_mb}", code="usage", hint="name 0 MiB or more")
    return Watch(
        _choose_folder(out),
        _list(model),
        _list(optimizer),
        level=Level(level),
        steps=steps,
        values_mb=values_mb,
    )


def _list(given: Any) -> tuple[Any, ...]:
    """Return what was given one by one: a model that can be iterated over is one all the same."""
    if given is None:
        return ()
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)


def _choose_folder(out: str | os.PathLike[str] | None) -> Path:
    """Return the folder of a trace. Raises UsageError if it cannot be written, or holds files."""
    if out is None:
        return _temporary.name_trace()
    # The program may change its working folder.
    folder = Path(out).absolute()
    TRACES.try_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{os.fspath(out)!r} already holds files",
            code="out-exists",
            hint="name another folder with out=",
        )
    return folder


class _Temporary:
    """The folder of traces that nobody named one for: it goes when this process ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._pid = 0
        self._count = 0

    def name_trace(self) -> Path:
        """Return the folder of another trace, which is not there yet."""
        if self._folder is None or self._pid != os.getpid():
            self._folder = make_temporary_folder()
            self._pid = os.getpid()
            atexit.register(self._remove)
        self._count += 1
        return self._folder / f"watch-{self._count}"

    def _remove(self) -> None:
        # A forked child may run the handlers of its parent, whose folder it is.
        if self._folder is not None and self._pid == os.getpid():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


_temporary = _Temporary()


def _describe_program() -> SubjectSpec:
    """Return what this process runs: what locations are relative to, and what reports call it."""
    cwd = Path.cwd()
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if is_notebook():
        path = _NOTEBOOK
    elif path is None:
        path = _INTERPRETER
    else:
        path = os.path.relpath(path, cwd)
    return SubjectSpec(SubjectKind.SCRIPT, cwd, path=path)
