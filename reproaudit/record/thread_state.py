"""Where each thread of the program is, as the hooks that run in it know it."""

from __future__ import annotations

import threading
from types import CodeType
from typing import TYPE_CHECKING

from reproaudit.model.events import Phase

if TYPE_CHECKING:
    import torch

Origin = tuple[int, int]  # module id, location id

# The id of a frame and its code. The frame itself would keep alive all that its callers hold.
FrameKey = tuple[int, CodeType]


class OpenStep:
    """A step that an optimizer has begun and not ended; `frame` tells what it runs in."""

    __slots__ = ("frame", "has_gradients", "is_in_closure", "optimizer", "outer_phase")

    def __init__(
        self, optimizer: torch.optim.Optimizer, outer_phase: Phase | None, frame: FrameKey
    ) -> None:
        self.frame = frame
        self.optimizer = optimizer
        self.outer_phase = outer_phase
        self.has_gradients = False  # recorded
        self.is_in_closure = False


class ThreadState:
    """Where one thread of the program is: inside which modules, in which phase."""

    __slots__ = (
        "depth",
        "inside",
        "is_evaluating",
        "is_undigested",
        "modules",
        "older_origins",
        "open_steps",
        "ordinal",
        "origins",
        "phase",
    )

    def __init__(self) -> None:
        self.depth = 0  # nested module calls
        self.modules: list[str] = []  # module paths, innermost last; only kept at operation level
        # Set by the hooks on optimizers and DataLoaders; where it is None, each op says.
        self.phase: Phase | None = None
        self.open_steps: list[OpenStep] = []  # of optimizers; one may step another
        self.is_evaluating = False  # an optimizer that is about to step calls a module
        self.ordinal = -1  # not yet known
        # Autograd numbers its nodes per thread: the forward op that made each.
        self.origins: dict[int, Origin] = {}
        # The same of steps before, whose graphs the program may have kept.
        self.older_origins: dict[int, Origin] = {}
        self.inside = False  # the recorder itself is running torch ops
        # A tensor on a device that the op under way reads or wrote could not be digested.
        self.is_undigested = False

    def origin(self, number: int) -> Origin | None:
        """Return the forward op that made a node of this thread, by the node's number."""
        return self.origins.get(number) or self.older_origins.get(number)

    def turn(self, most: int) -> None:
        """Set the origins aside once there are `most`, and forget those set aside before."""
        if len(self.origins) < most:
            return
        last = next(reversed(self.origins))
        self.older_origins = self.origins
        # The last one goes along: ops that make no node still see its number, and did not make it.
        self.origins = {last: self.older_origins[last]}


def _make_closed() -> ThreadState:
    """Return the state of a thread of which nothing is recorded."""
    state = ThreadState()
    state.inside = True
    return state


class StateOfThread(threading.local):
    """Holds each thread's state as a plain object.

    Attributes of a `local` itself cost four times as much.
    """

    # What a thread finds whose own is being made: garbage that is collected there may run code.
    state = _make_closed()

    def __init__(self) -> None:
        self.state = ThreadState()
