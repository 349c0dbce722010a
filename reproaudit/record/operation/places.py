"""Where the program is when it calls an op: the phase, the module and the user's line.

`find` runs for every operator of the program: see `dispatch`.
"""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.model.events import Phase
from reproaudit.record.operation.operands import NO_TENSORS
from reproaudit.record.session import Recorder
from reproaudit.record.thread_state import ThreadState
from reproaudit.record.torch_private import (
    current_autograd_node,
    next_sequence_number,
    sequence_number_of,
)

Place = tuple[int, int, int]  # phase, id of the module, id of the location

_Tensor = torch.Tensor
_FORWARD = int(Phase.FORWARD)
_BACKWARD = int(Phase.BACKWARD)
_DATA = int(Phase.DATA)
_LEAF = (1 << 64) - 1  # the sequence number of AccumulateGrad nodes
IN_REGION = (-1, -1)  # the origin of what a region made: it has none that is recorded
_MAX_ORIGINS = 500_000  # forward ops of one step remembered to name the line of their backward


class NameIds(dict[str, int]):
    """Ids of the names of ops and modules in the trace, each asked for once."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __missing__(self, name: str) -> int:
        found = self[name] = self._recorder.writer.string(name)
        return found


class Places:
    """Finds the place of each op, and remembers those of forward ops for their backward pass."""

    def __init__(self, recorder: Recorder, names: NameIds) -> None:
        self._sites = recorder.sites
        self._names = names
        self._main = recorder.state

    def find(self, args: Any, state: ThreadState) -> Place | None:
        """Return where the program is; for a backward op, where its forward op was.

        None: that was within a region.

        That is the forward op that made the autograd node. No anomaly mode, although it would keep
        stacks: it changes the program that is audited.
        """
        node = current_autograd_node()
        if node is not None:
            sequence = sequence_number_of(node)
            if sequence != _LEAF:
                # A backward pass on a device thread finds nothing of its own: its nodes were made
                # in the main thread.
                origin = state.origin(sequence) or self._main.origin(sequence)
                if origin is IN_REGION:
                    return None
                if origin is not None:
                    return _BACKWARD, origin[0], origin[1]
            return _BACKWARD, 0, self._sites.here(4)
        site = self._sites.here(4)
        module = 0
        if state.modules:
            module = self._names[state.modules[-1]]
        origins = state.origins
        if len(origins) > _MAX_ORIGINS:
            state.turn(_MAX_ORIGINS)
            origins = state.origins
        # The first op that sees the number made the node; ops without a gradient see it too, until
        # the next node.
        number = next_sequence_number() - 1
        if number not in origins:
            origins[number] = (module, site)
        if state.phase is not None:
            return state.phase, module, site
        if state.modules:
            return _FORWARD, module, site
        for argument in args:
            if type(argument) in NO_TENSORS:
                continue
            if isinstance(argument, _Tensor) and argument.requires_grad:
                return _FORWARD, module, site
        return _DATA, module, site
