"""Optimizer steps: the gradients that each of them reads, and the parameters that it leaves.

Gradients are recorded when the optimizer is about to use them: where a backward pass came before
the step, as it begins. Where the step is given a closure, each time the closure has ended, for only
then has its backward pass: L-BFGS evaluates one many times in a step, and uses the gradients of
each evaluation. Where the step runs a backward pass without a closure, as that pass ends.

A step within a step of another optimizer is a part of it: ZeroRedundancyOptimizer, and wrappers as
Lookahead is, step the optimizer that they wrap.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.optim import optimizer as _optimizer

from reproaudit.model.events import EventKind, Phase
from reproaudit.record.boundary.names import ByObject
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.thread_state import FrameKey, OpenStep, ThreadState

_getframe = sys._getframe
_is_compiling = torch.compiler.is_compiling
_CLOSURE = "closure"
_FILLS_STATE = "_init_optim_state"
_FILLING_MODULE = "torch.distributed.checkpoint.state_dict"
_STEP_FRAMES = 6  # that a hook of a step, and what wraps the step, may take
_Optimizer = torch.optim.Optimizer
_RecordGroups = Callable[[_Optimizer, EventKind], None]
_Given = tuple[tuple[Any, ...], dict[str, Any]]


class OptimizerSteps:
    """Hooks on the steps of all optimizers.

    `record_groups` records the gradients, or the parameters, of an optimizer; `end_step` is called
    when a step has ended.
    """

    def __init__(
        self, recorder: Recorder, record_groups: _RecordGroups, end_step: Callable[[], None]
    ) -> None:
        self._recorder = recorder
        self._record_groups = record_groups
        self._end_step = end_step
        # How many backward passes had ended when each optimizer last stepped.
        self._used = ByObject[int]()

    def install(self, patches: Patches) -> None:
        for handle in (
            _optimizer.register_optimizer_step_pre_hook(self._before),
            _optimizer.register_optimizer_step_post_hook(self._after),
        ):
            patches.on_undo(handle.remove)

    def end_backward(self) -> None:
        """Record the gradients if the pass that has just ended ran inside a step."""
        steps = self._recorder.state.open_steps
        # A closure may still clip what its backward pass computed.
        if steps and not steps[-1].is_in_closure:
            self._record_gradients(steps[-1])

    def _before(
        self, optimizer: _Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Given | None:
        recorder = self._recorder
        if _is_compiling() or not recorder.awake():
            return None
        state = recorder.state
        frame = _getframe(1)  # of the step itself, which calls this hook
        if fills_state(frame):
            return None
        if state.open_steps:
            _drop_ended(state, frame)
        if not state.open_steps:
            recorder.begin_optimizer_step()
        step = OpenStep(optimizer, state.phase, _identify(frame))
        state.open_steps.append(step)
        given = self._wrap_closure(step, args, kwargs)
        # Without a backward pass since this optimizer's last step the gradients are those of that
        # step: either this one runs a pass of its own, or they are looked at when it has ended.
        is_fresh = recorder.backwards != (self._used.get(optimizer) or 0)
        if given is None and is_fresh:
            self._record_gradients(step)
        state.phase = Phase.OPTIMIZER
        return given

    def _after(self, optimizer: _Optimizer, args: Any, kwargs: Any) -> None:
        recorder = self._recorder
        if _is_compiling() or not recorder.active or fills_state(_getframe(1)):
            return
        state = recorder.state
        step = None
        # A step that an exception ended inside of this one was never closed.
        while state.open_steps and (step is None or step.optimizer is not optimizer):
            step = state.open_steps.pop()
        state.phase = None
        if step is not None:
            state.phase = step.outer_phase
            if not step.has_gradients:
                self._record_gradients(step)
        self._used.add(optimizer, recorder.backwards)
        self._record_groups(optimizer, EventKind.PARAMETER)
        if not state.open_steps:
            self._end_step()

    def _record_gradients(self, step: OpenStep) -> None:
        step.has_gradients = True
        self._record_groups(step.optimizer, EventKind.GRADIENT)

    def _wrap_closure(
        self, step: OpenStep, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Given | None:
        """Return what the step is called with, the closure wrapped; None if it has none."""
        # The optimizer itself is the first argument.
        if callable(kwargs.get(_CLOSURE)):
            return args, kwargs | {_CLOSURE: self._follow(step, kwargs[_CLOSURE])}
        if len(args) > 1 and callable(args[1]):
            return (args[0], self._follow(step, args[1]), *args[2:]), kwargs
        return None

    def _follow(self, step: OpenStep, closure: Callable[..., Any]) -> Callable[..., Any]:
        """Return a closure in which the phase is what runs, and that records its gradients."""

        @functools.wraps(closure)
        def evaluate(*args: Any, **kwargs: Any) -> Any:
            recorder = self._recorder
            state = recorder.state
            state.phase = None
            step.is_in_closure = True
            try:
                result = closure(*args, **kwargs)
            except BaseException:
                # The step ends with it, and nobody says so.
                state.phase = step.outer_phase
                state.open_steps.clear()
                raise
            finally:
                step.is_in_closure = False
            state.phase = Phase.OPTIMIZER
            if recorder.awake():
                self._record_gradients(step)
            return result

        return evaluate


def fills_state(frame: FrameType | None) -> bool:
    """Return True for a step, or a hook of it, by which torch.distributed.checkpoint gives an
    optimizer the state that it then loads: its gradients and learning rates are zero, and it trains
    nothing."""
    for _ in range(_STEP_FRAMES):
        if frame is None:
            return False
        if frame.f_code.co_name == _FILLS_STATE:
            return frame.f_globals.get("__name__") == _FILLING_MODULE
        frame = frame.f_back
    return False


def _drop_ended(state: ThreadState, frame: FrameType) -> None:
    """Drop the open steps that do not run the frame of another step: an exception ended them.

    An id that was given anew leads nobody astray: each frame of this code drops such steps first.
    """
    outer = set()
    caller = frame.f_back
    while caller is not None:
        outer.add(_identify(caller))
        caller = caller.f_back
    for number, step in enumerate(state.open_steps):
        if step.frame not in outer:
            state.phase = step.outer_phase
            del state.open_steps[number:]
            return


def _identify(frame: FrameType) -> FrameKey:
    return id(frame), frame.f_code
