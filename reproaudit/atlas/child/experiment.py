"""The experiment on one cell: repeat each call on the same inputs, and say what differs, if any."""

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
_MOST_CHARACTERS = 160  # of an error
_ALERT = re.compile(r"(\S+) does not have a deterministic implementation")
_ASSIGNS = frozenset({"index_put", "put", "index_copy", "scatter"})
_WITH_TIES = re.compile(r"sort|topk|kthvalue|median|mode|arg|max|min|unique|pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many repetitions differed from the first call.

    With the first call's result and that of the first repetition that differed.
    """

    made: int
    differing: int
    first: Any
    other: Any


@dataclass(slots=True)
class Observation:
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
    """Repeats calls for one cell. A call that was begun gets its fewest repetitions in any case."""

    def __init__(self, cell: Cell, repeats: int, neighbour: around.Neighbour) -> None:
        self.cell = cell
        self.device = cell.device
        self._neighbour = neighbour
        # One thread of the CPU races with nobody: few repetitions will do.
        self._is_single = cell.threads == 1 and cell.device == "cpu"
        if self._is_single:
            repeats = min(repeats, _AT_ONE_THREAD)
        self._repeats = repeats

    def observe(self, call: Call, slice_s: float) -> Observation:
        """Repeat one call in every way until one shows a difference, and classify it."""
        seen = Observation()
        with around.threads(self.cell.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._observe(RepeatableCall(self.cell, call), seen, slice_s)
            except Exception as error:
                # The op refuses this sample, plainly: that is an outcome, not a fault of ours.
                seen.status = Status.RAISES
                seen.error = _describe_error(error)
            finally:
                around.fill_memory(self.device, 0)
        return seen

    def _observe(self, repeatable: RepeatableCall, seen: Observation, slice_s: float) -> None:
        around.fill_memory(self.device, around.FILLS[0])
        if not repeatable.prepare():
            seen.status = Status.NO_GRADIENT
            return
        for way in self._list_ways(repeatable):
            tally = self._repeat(repeatable, way, slice_s / 2)
            seen.tallies[way] = [tally.differing, tally.made]
            if tally.differing:
                seen.way = way
                self._describe_difference(repeatable, tally, seen, slice_s)
                break
        else:
            self._look_for_undefined_memory(repeatable, seen)
        seen.elements = repeatable.largest
        self._ask_flag(repeatable, seen)

    def _list_ways(self, repeatable: RepeatableCall) -> tuple[str, ...]:
        if self._is_single:
            return ("plain",)
        if repeatable.is_backward:
            return ("plain", "contention", "rebuilt")
        return ("plain", "contention")

    def _repeat(
        self,
        repeatable: RepeatableCall,
        way: str,
        slice_s: float,
        operands: Callable[[], Any] | None = None,
    ) -> Tally:
        """Repeat a call in one way: plainly, under contention, or with the graph built anew.

        Under contention the first call is made too: more threads may divide the work otherwise. A
        graph built anew counts only if its forward pass returned the same: then what it saved must
        be the same too.
        """
        is_contended = way == "contention"
        threads = around.count_crowding(self.device) if is_contended else self.cell.threads
        with around.threads(threads):
            first = self._run_once(repeatable, way, operands)
            wanted = values.identify(first)
            outputs = repeatable.outputs
            made = 0
            differing = 0
            other = None
            end = time.monotonic() + slice_s
            for number in range(self._repeats):
                if number >= _FEWEST and time.monotonic() > end:
                    break
                again = self._run_once(repeatable, way, operands)
                if repeatable.outputs != outputs:
                    continue
                made += 1
                if values.identify(again) == wanted:
                    continue
                differing += 1
                if other is None:
                    other = again
            return Tally(made=made, differing=differing, first=first, other=other)

    def _run_once(
        self, repeatable: RepeatableCall, way: str, operands: Callable[[], Any] | None
    ) -> Any:
        if self.device == "cuda":  # on the CPU each allocation is filled anew by itself
            around.fill_memory(self.device, around.FILLS[0])
        given = None
        if operands is not None:
            given = operands()
        if way == "contention":
            self._neighbour.disturb()
        if way == "rebuilt":
            repeatable.prepare()
        return repeatable.run(given)

    def _look_for_undefined_memory(self, repeatable: RepeatableCall, seen: Observation) -> None:
        """Call with two fillings of fresh memory, with the first one twice.

        Repetitions under one filling were all equal before.
        """
        if not around.can_fill(self.device):
            return
        usual, another = around.FILLS
        first = self._identify_under_filling(repeatable, usual)
        other = self._identify_under_filling(repeatable, another)
        again = self._identify_under_filling(repeatable, usual)
        around.fill_memory(self.device, usual)
        if first == again and first != other:
            seen.status = Status.UNDEFINED
            seen.way = "another filling of fresh memory"

    def _identify_under_filling(self, repeatable: RepeatableCall, fill: int) -> Any:
        around.fill_memory(self.device, fill)
        result = repeatable.run()
        return values.identify(result)

    def _describe_difference(
        self, repeatable: RepeatableCall, tally: Tally, seen: Observation, slice_s: float
    ) -> None:
        difference = values.measure(tally.first, tally.other)
        if difference is not None:
            seen.difference = asdict(difference)
        seen.status = self._classify(repeatable, seen.way, tally, slice_s)
        seen.under_flag = self._repeat_under_flag(repeatable, seen, slice_s)

    def _classify(
        self, repeatable: RepeatableCall, way: str, tally: Tally, slice_s: float
    ) -> Status:
        """Return what kind of difference it is. Only what is of no harmless kind accuses the op."""
        op = self.cell.op
        call = repeatable.call
        first = tally.first
        other = tally.other
        if values.differ_in_nan_bits_only(first, other):
            return Status.NAN_BITS
        if _WITH_TIES.search(op) and values.differ_in_ties_only(first, other, call.operands):
            return Status.TIES
        if repeatable.is_backward:
            # It is repeated on one graph with its own tensors: nothing that follows explains it.
            return Status.DIFFERS
        if _assigns_repeatedly(op, call):
            return Status.REPEATED
        # Where less than half of the copies differed, equal repetitions in place prove little.
        is_frequent = 2 * tally.differing >= tally.made
        if is_frequent and self._is_stable_in_place(repeatable, way, slice_s):
            return Status.ADDRESS
        if self._draws_elsewhere(repeatable):
            return Status.RANDOM
        return Status.DIFFERS

    def _is_stable_in_place(self, repeatable: RepeatableCall, way: str, slice_s: float) -> bool:
        """Return True if the call repeats on operands that lie where they lay.

        Though it does not on copies of them: then it depends on memory addresses.
        """
        operands = values.copy_operands(repeatable.call.operands, {})
        kept = []
        for tensor in values.tensors_in(operands):
            if values.is_plain(tensor):
                before = tensor.detach().clone()
                kept.append((tensor, before))

        def restore() -> Any:
            with torch.no_grad():
                for tensor, before in kept:
                    tensor.copy_(before)
            for tensor, _ in kept:
                if tensor.requires_grad:
                    tensor.grad = None
            return operands

        tally = self._repeat(repeatable, way, slice_s, restore)
        return tally.differing == 0

    def _draws_elsewhere(self, repeatable: RepeatableCall) -> bool:
        """Return True for a random op that leaves the generators that were restored untouched.

        It is random if PyTorch tags it so.
        """
        around.seed_everything()
        before = around.random_state(self.device)
        ops = list_dispatched_ops(repeatable.run)
        if around.random_state(self.device) != before:
            return False
        return any(torch.Tag.nondeterministic_seeded in op.tags for op in ops)

    def _ask_flag(self, repeatable: RepeatableCall, seen: Observation) -> None:
        """Make the call once under the flag and note what it says."""
        try:
            with flags.strict():
                repeatable.run()
        except RuntimeError as error:
            seen.declared = _read_declaration(error)
            alerts = _ALERT.findall(str(error))
            seen.alerts = sorted(set(alerts))

    def _repeat_under_flag(
        self, repeatable: RepeatableCall, seen: Observation, slice_s: float
    ) -> UnderFlag:
        """Repeat the call under the flag in the way in which it differed."""
        try:
            with flags.strict():
                tally = self._repeat(repeatable, seen.way, slice_s)
        except RuntimeError as error:
            if _read_declaration(error) is Declared.NOTHING:
                raise
            return UnderFlag.RAISES
        seen.tallies[f"{seen.way}, flag"] = [tally.differing, tally.made]
        if tally.differing:
            return UnderFlag.DIFFERS
        return UnderFlag.STABLE


def _assigns_repeatedly(op: str, call: Call) -> bool:
    """Return True for an assignment, not an addition, whose indices name a place twice.

    PyTorch documents its result as undefined.
    """
    if op not in _ASSIGNS or _accumulates(call):
        return False
    _, args, kwargs = call.operands
    for tensor in values.tensors_in([args, kwargs]):
        if tensor.dtype is not torch.int64:
            continue
        distinct = len(tensor.unique())
        if distinct < tensor.numel():
            return True
    return False


def _accumulates(call: Call) -> bool:
    """Return True if the arguments ask for an addition: `reduce`, or `accumulate` as True."""
    _, args, kwargs = call.operands
    if "reduce" in kwargs:
        return True
    given = [*args, *kwargs.values()]
    return any(value is True for value in given)


def _read_declaration(error: RuntimeError) -> Declared:
    text = str(error)
    if "CUBLAS_WORKSPACE_CONFIG" in text:
        return Declared.WORKSPACE
    if "deterministic" in text:
        return Declared.RAISES
    return Declared.NOTHING


def _describe_error(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    first_line = ""
    if lines:
        first_line = lines[0]
    text = f"{type(error).__name__}: {first_line}"
    return text[:_MOST_CHARACTERS]
