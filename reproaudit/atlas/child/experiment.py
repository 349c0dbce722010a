"""The experiment on one cell: repeat each call on the same inputs, and say what kind of difference
it is, if any."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from reproaudit.atlas.cells import Cell, Declared, Status, UnderFlag
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child import values
from reproaudit.atlas.child.dispatch import list_dispatched_ops
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.repeatable import RepeatableCall
from reproaudit.record.state import flags

_FEWEST = 3  # repetitions, however long they take
_AT_ONE_THREAD = 3
_ALERT = re.compile(r"(\S+) does not have a deterministic implementation")
_ASSIGNS = frozenset({"index_put", "put", "index_copy", "scatter"})
_WITH_TIES = re.compile(r"sort|topk|kthvalue|median|mode|arg|max|min|unique|pool")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many repetitions differed from the first call, with its result and that of the first that
    differed."""

    made: int
    differing: int
    first: Any
    other: Any


@dataclass(slots=True)
class Seen:
    """What one call showed. `way` is how it was repeated when it first differed."""

    status: Status = Status.STABLE
    way: str = ""
    tallies: dict[str, list[int]] = field(default_factory=dict)  # way -> differing, made
    declared: Declared = Declared.NOTHING
    alerts: list[str] = field(default_factory=list)
    under_flag: UnderFlag | None = None
    difference: dict[str, Any] | None = None
    elements: int = 0
    error: str = ""


class Experiment:
    """Repeats calls for one cell until `deadline` is near; a call that was begun gets its fewest
    repetitions."""

    def __init__(self, cell: Cell, repeats: int, neighbour: around.Neighbour) -> None:
        self.cell = cell
        self.device = cell.device
        self._neighbour = neighbour
        self._is_single = cell.threads == 1 and cell.device == "cpu"
        self._repeats = min(repeats, _AT_ONE_THREAD) if self._is_single else repeats

    def look(self, call: Call, slice_s: float) -> Seen:
        """Repeat one call in every way until one shows a difference, and classify it."""
        seen = Seen()
        with around.threads(self.cell.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._look(RepeatableCall(self.cell, call), seen, slice_s)
            except Exception as error:  # the op's own refusal of this sample, plainly
                seen.status, seen.error = Status.RAISES, _first_line(error)
            finally:
                around.fill_memory(self.device, 0)
        return seen

    def _look(self, phase: RepeatableCall, seen: Seen, slice_s: float) -> None:
        around.fill_memory(self.device, around.FILLS[0])
        if not phase.prepare():
            seen.status = Status.NO_GRADIENT
            return
        for way in self._ways(phase):
            tally = self._repeat(phase, way, slice_s / 2)
            seen.tallies[way] = [tally.differing, tally.made]
            if tally.differing:
                seen.way = way
                self._classify(phase, way, tally, seen, slice_s)
                break
        else:
            self._look_for_undefined_memory(phase, seen)
        seen.elements = phase.largest
        self._declared(phase, seen)

    def _ways(self, phase: RepeatableCall) -> tuple[str, ...]:
        if self._is_single:
            return ("plain",)
        return ("plain", "contention", "rebuilt") if phase.is_backward else ("plain", "contention")

    def _repeat(
        self,
        phase: RepeatableCall,
        way: str,
        slice_s: float,
        operands: Callable[[], Any] | None = None,
    ) -> Tally:
        """Repeat in one way: plainly; under contention, the first call too; or with the graph built
        anew each time.

        A graph built anew counts only if its forward pass returned the same: then what it saved
        must be the same too.
        """
        with around.threads(
            around.crowded(self.device) if way == "contention" else self.cell.threads
        ):
            first = self._once(phase, way, operands)
            wanted, outputs = values.identify(first), phase.outputs
            made, differing, other, end = 0, 0, None, time.monotonic() + slice_s
            for number in range(self._repeats):
                if number >= _FEWEST and time.monotonic() > end:
                    break
                again = self._once(phase, way, operands)
                if phase.outputs != outputs:
                    continue
                made += 1
                if values.identify(again) != wanted:
                    differing += 1
                    other = again if other is None else other
            return Tally(made, differing, first, other)

    def _once(self, phase: RepeatableCall, way: str, operands: Callable[[], Any] | None) -> Any:
        if self.device == "cuda":  # on the CPU each allocation is filled anew by itself
            around.fill_memory(self.device, around.FILLS[0])
        given = operands() if operands is not None else None
        if way == "contention":
            self._neighbour.disturb()
        if way == "rebuilt":
            phase.prepare()
        return phase.run(given)

    # -- what kind of difference
    # -------------------------------------------------------------------------------------

    def _look_for_undefined_memory(self, phase: RepeatableCall, seen: Seen) -> None:
        """Call with two fillings of fresh memory. Repetitions under one filling were all equal
        before."""
        if not around.can_fill(self.device):
            return
        results = []
        for fill in (*around.FILLS, around.FILLS[0]):
            around.fill_memory(self.device, fill)
            results.append(values.identify(phase.run()))
        around.fill_memory(self.device, around.FILLS[0])
        if results[0] == results[2] != results[1]:
            seen.status, seen.way = Status.UNDEFINED, "another filling of fresh memory"

    def _classify(
        self, phase: RepeatableCall, way: str, tally: Tally, seen: Seen, slice_s: float
    ) -> None:
        difference = values.measure(tally.first, tally.other)
        seen.difference = None if difference is None else asdict(difference)
        if values.differ_in_nan_bits_only(tally.first, tally.other):
            seen.status = Status.NAN_BITS
        elif _WITH_TIES.search(self.cell.op) and values.differ_in_ties_only(
            tally.first, tally.other, phase.call.operands
        ):
            seen.status = Status.TIES
        elif not phase.is_backward and _assigns_repeatedly(self.cell.op, phase.call):
            seen.status = Status.REPEATED
        elif 2 * tally.differing >= tally.made and self._is_stable_in_place(phase, way, slice_s):
            seen.status = Status.ADDRESS
        elif not phase.is_backward and self._draws_elsewhere(phase):
            seen.status = Status.RANDOM
        else:
            seen.status = Status.DIFFERS
        seen.under_flag = self._under_flag(phase, way, seen, slice_s)

    def _is_stable_in_place(self, phase: RepeatableCall, way: str, slice_s: float) -> bool:
        """True if the call repeats on operands that lie where they lay, though it does not on
        copies of them.

        A backward pass is always repeated on the same tensors. Where less than half of the copies
        differed, equal repetitions in place would prove little, so this is not asked then.
        """
        if phase.is_backward:
            return False
        operands = values.copy_operands(phase.call.operands, {})
        kept = [
            (tensor, tensor.detach().clone())
            for tensor in values.tensors_in(operands)
            if values.is_plain(tensor)
        ]
        leaves = [tensor for tensor, _ in kept if tensor.requires_grad]

        def restored() -> Any:
            with torch.no_grad():
                for tensor, value in kept:
                    tensor.copy_(value)
            for leaf in leaves:
                leaf.grad = None
            return operands

        return not self._repeat(phase, way, slice_s, restored).differing

    def _draws_elsewhere(self, phase: RepeatableCall) -> bool:
        """True for an op that PyTorch tags as random and that leaves the generators that were
        restored untouched."""
        around.seed_everything()
        before = around.random_state(self.device)
        names = list_dispatched_ops(phase.run)
        return around.random_state(self.device) == before and any(
            torch.Tag.nondeterministic_seeded in op.tags for op in names
        )

    # -- the flag
    # ----------------------------------------------------------------------------------------------------

    def _declared(self, phase: RepeatableCall, seen: Seen) -> None:
        """Make the call once under the flag and note what it says."""
        try:
            with flags.strict():
                phase.run()
        except RuntimeError as error:
            seen.declared = _declaration(error)
            seen.alerts = sorted(set(_ALERT.findall(str(error))))

    def _under_flag(self, phase: RepeatableCall, way: str, seen: Seen, slice_s: float) -> UnderFlag:
        try:
            with flags.strict():
                tally = self._repeat(phase, way, slice_s)
        except RuntimeError as error:
            if _declaration(error) is Declared.NOTHING:
                raise
            return UnderFlag.RAISES
        seen.tallies[f"{way}, flag"] = [tally.differing, tally.made]
        return UnderFlag.DIFFERS if tally.differing else UnderFlag.STABLE


def _assigns_repeatedly(op: str, call: Call) -> bool:
    """True for an assignment, not an addition, whose indices name a place twice: documented as
    undefined."""
    _, args, kwargs = call.operands
    adds = "reduce" in kwargs or any(value is True for value in (*args, *kwargs.values()))
    if op not in _ASSIGNS or adds:
        return False
    indices = [
        tensor for tensor in values.tensors_in([args, kwargs]) if tensor.dtype is torch.int64
    ]
    return any(len(index.unique()) < index.numel() for index in indices)


def _declaration(error: RuntimeError) -> Declared:
    text = str(error)
    if "CUBLAS_WORKSPACE_CONFIG" in text:
        return Declared.WORKSPACE
    return Declared.RAISES if "deterministic" in text else Declared.NOTHING


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"[:160]
