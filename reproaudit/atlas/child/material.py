"""The calls of a group of cells: op_db's samples as they are, or enlarged."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from reproaudit.atlas.cells import Cell
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child.enlarge import Enlarged, enlarge
from reproaudit.atlas.child.opdb import Call, Group, make_samples
from reproaudit.atlas.child.repeatable import RepeatableCall
from reproaudit.atlas.child.transformations import INDEX_DTYPES
from reproaudit.atlas.child.values import count_largest, is_plain, tensors_in

_MOST_CALLS = 24  # of a cell
_ENLARGE_S = 0.08  # for one sample at least
_PATIENCE_S = 0.5  # more for an op of which no sample could be enlarged yet
_MOST_CHARACTERS = 160  # of a reason


@dataclass
class Material:
    """The calls of one group, and if there are none, why."""

    calls: list[Call] = field(default_factory=list)
    samples: int = 0  # that op_db has
    elements: int = 0  # of the largest tensor that an enlarged call reached
    refusal: str = ""


def make_material(group: Group, device: str, until: float) -> Material:
    """Make the calls of a group; enlarging ends about when `time.monotonic()` reaches `until`.

    Samples are always looked at in the same order; `until` only ends it earlier.
    """
    try:
        samples = make_samples(group, device)
    except Exception as error:
        # op_db's own code failed. Without samples there is nothing to run, and the reason is kept.
        reason = f"its samples cannot be made: {type(error).__name__}: {error}"
        return Material(refusal=reason[:_MOST_CHARACTERS])
    if not samples:
        return Material(refusal="op_db has no samples")
    if group.size == "sample":
        return Material(samples[:_MOST_CALLS], len(samples))
    return _enlarge_samples(group, samples, device, until)


def _enlarge_samples(group: Group, samples: list[Call], device: str, until: float) -> Material:
    found = Material(samples=len(samples))
    forms: list[list[Call]] = []  # of each sample
    for sample in sorted(samples, key=_rank_sample):
        if len(forms) >= _MOST_CALLS:
            break
        now = time.monotonic()
        latest = until
        if not found.elements:
            latest += _PATIENCE_S
        if forms and now > latest:
            break
        end = max(until, now + _ENLARGE_S)
        larger = enlarge_sample(sample, group.cells[0], end)
        around.check_device(device)
        forms.append(larger.calls)
        found.elements = max(found.elements, larger.elements)
        if not found.refusal:
            found.refusal = larger.refusal
    calls = _interleave(forms)
    found.calls = calls[:_MOST_CALLS]
    return found


def _interleave(forms: list[list[Call]]) -> list[Call]:
    """Return the first form of each sample, then the second of each, and so on.

    Samples differ more than the forms of one.
    """
    calls = []
    for alike in zip_longest(*forms):
        for form in alike:
            if form is not None:
                calls.append(form)
    return calls


def _rank_sample(sample: Call) -> tuple[bool, bool]:
    """Sort samples without extents last, those with indices first.

    Where many indices name one place, additions race.
    """
    has_no_extents = count_largest(sample.operands) == 1
    has_no_indices = not _has_indices(sample)
    return (has_no_extents, has_no_indices)


def _has_indices(sample: Call) -> bool:
    for tensor in tensors_in(sample.operands):
        if not is_plain(tensor) or tensor.numel() <= 1:
            continue
        if tensor.dtype in INDEX_DTYPES:
            return True
    return False


def enlarge_sample(sample: Call, cell: Cell, until: float) -> Enlarged:
    """Return the larger forms of a sample that the op accepts.

    The time of the backward pass counts too when a form is given up as too slow.
    """

    forward_cell = replace(cell, phase="forward")

    def accept(call: Call) -> Any:
        forward = RepeatableCall(forward_cell, call)
        result = forward.run()
        try:
            _run_backward(cell, call)
        except RuntimeError as error:
            # Of the backward pass alone: its own cells will say so, unless it is the size.
            if "memory" in str(error):
                raise
        return result

    with around.threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return enlarge(sample, accept, until)


def _run_backward(cell: Cell, call: Call) -> None:
    tensors = tensors_in(call.operands)
    if not any(tensor.requires_grad for tensor in tensors):
        return
    backward_cell = replace(cell, phase="backward")
    backward = RepeatableCall(backward_cell, call)
    if backward.prepare():
        backward.run()
