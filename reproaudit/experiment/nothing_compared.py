"""Whether a run trained, and the error of one in which nothing could be compared."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from reproaudit.config.tolerance import Ignored
from reproaudit.errors import SubjectError
from reproaudit.model.events import EventKind, Unchecked
from reproaudit.runs.launch import describe_entered
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.words import CHILD_PREFIX, is_loss

_MOST_ENTERED = 3


def has_trained(run: Run) -> bool:
    """Return True if an optimizer step or a backward pass was seen, in any process of the run.

    Calls of a module alone train nothing.
    """
    if run.steps > 0:
        return True
    # A run that ended within its first step has counted none, but its backward pass began.
    return any(_has_loss(trace) for _, trace in run.traces)


def _has_loss(trace: Trace) -> bool:
    for tensor in trace.tensors():
        if tensor.kind is EventKind.OUTPUT and is_loss(tensor.name):
            return True
    return False


def lacks_bytes(run: Run) -> bool:
    """Return True if tensors were recorded, and none of them has bytes that could be read."""
    tensors = [tensor for _, trace in run.traces for tensor in trace.tensors()]
    return bool(tensors) and not any(tensor.is_digested for tensor in tensors)


def make_nothing_compared_error(run: Run) -> SubjectError:
    """Return the error of a run in which no tensor could be compared, by what was seen in it."""
    if has_trained(run) and lacks_bytes(run):
        return SubjectError(
            "nothing to compare: what was computed in its backward passes and optimizer steps "
            "has no bytes that could be read",
            code="nothing-has-bytes",
            hint="tensors on the meta device have no values, and those within torch.func are not "
            "looked at:\n  audit it on another device, or name what returns a tensor: "
            "reproaudit FILE.py::FUNCTION",
        )
    if run.launcher is not None and not _has_torch(run.launcher):
        return _make_no_torch_error(run.launcher)
    why = "no backward pass and no optimizer step was seen"
    for note in run.main.notes:
        if note.code is Unchecked.TORCH_NEVER_IMPORTED:
            why = note.why
    return SubjectError(
        f"nothing to compare: {why}",
        code="no-training-step",
        hint="name a training step to call: reproaudit FILE.py::FUNCTION,\n"
        "  or a module: reproaudit FILE.py::MODULE --inputs float32[8,3,32,32]",
    )


def _has_torch(launcher: Trace) -> bool:
    """Return True if a process of the command imported torch, with which its record begins."""
    return any(launcher.directory.glob(f"{CHILD_PREFIX}*/{RUN_FILE}"))


def _make_no_torch_error(launcher: Trace) -> SubjectError:
    words = [launcher.header["subject"], *launcher.header["command"]]
    entered = describe_entered(launcher.directory)
    started = "it started no Python program"
    if entered:
        started = f"the Python that it started was {', '.join(entered[:_MOST_ENTERED])}"
        if len(entered) > _MOST_ENTERED:
            started += f" and {len(entered) - _MOST_ENTERED} more"
    return SubjectError(
        f"nothing to compare: {shlex.join(words)} was run, and no process of it imported torch: "
        f"{started}",
        code="no-training-step",
        hint="audit the command that trains, such as reproaudit -- torchrun train.py; "
        "what it starts on other machines is not seen",
    )


def make_all_ignored_error(ignored: Sequence[Ignored]) -> SubjectError:
    """Return the error for an audit whose patterns leave nothing to compare."""
    patterns = ", ".join(one.pattern.text for one in ignored)
    return SubjectError(
        f"nothing to compare: every tensor that could decide is ignored, by {patterns}",
        code="all-ignored",
        hint="narrow the patterns under [tool.reproaudit.ignore]",
    )
