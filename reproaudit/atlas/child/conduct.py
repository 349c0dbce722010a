"""Goes through the cells of a request, one op after the other, and tells what each showed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any

import torch

from reproaudit.atlas.cells import APART, Cell, Declared, Request, Status
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child.blame import blame
from reproaudit.atlas.child.enlarge import Enlarged, enlarge
from reproaudit.atlas.child.experiment import Experiment, Seen
from reproaudit.atlas.child.opdb import Call, Group, chosen_ops, groups_of, name_of, samples_of
from reproaudit.atlas.child.repeatable import RepeatableCall
from reproaudit.atlas.child.values import count_largest, is_plain, tensors_in

_MOST_CALLS = 24  # of a cell
_SLICE_S = (
    0.15  # for the repetitions of one call, at most; the fewest repetitions are made in any case
)
_LEAST_SLICE_S = 0.02
_ENLARGE_S = 0.08  # for one sample at least
_PATIENCE_S = 0.5  # more for an op of which no sample could be enlarged yet
_SHARE_TO_ENLARGE = 0.35
_ONE_OF_MANY_THREADS = 4  # more time for cells in which threads can race
_RANK = (Status.DIFFERS, *APART, Status.STABLE, Status.NO_GRADIENT, Status.RAISES)
_SHOWN = (bool, int, float, str, type(None))

Record = dict[str, Any]
Tell = Callable[[Record], None]


@dataclass
class Material:
    """The calls of one group: op_db's samples as they are, or enlarged."""

    calls: list[Call] = field(default_factory=list)
    samples: int = 0  # that op_db has
    elements: int = 0
    refusal: str = ""


def sweep(
    request: Request, done: frozenset[str], wanted: frozenset[str] | None, tell: Tell
) -> None:
    """Run every cell that is not in `done`, or of these only the wanted ones; `tell` gets a record
    of each.

    Before a cell it gets {"at": cell}, while calls are made for several also {"group": cells}:
    whoever listens knows what was going on if this process dies.
    """
    ops = chosen_ops(request)
    neighbour = around.Neighbour(request.device)
    groups = {name_of(op): groups_of(op, request) for op in ops}
    plan = {name: [_left(group, done, wanted) for group in found] for name, found in groups.items()}
    tell(
        {
            "plan": {
                "ops": len(ops),
                "cells": sum(len(group.cells) for found in plan.values() for group in found),
                "unsupported": [name for name, found in groups.items() if not found],
            }
        }
    )
    for found in plan.values():
        end = time.monotonic() + request.seconds
        pending = [group for group in found if group.cells]
        for position, group in enumerate(pending):
            weights = sum(other.weight for other in pending[position:])
            _run_group(
                group,
                request,
                neighbour,
                max(0.0, end - time.monotonic()) * group.weight / weights,
                tell,
            )


def _left(group: Group, done: frozenset[str], wanted: frozenset[str] | None) -> Group:
    cells = [
        cell
        for cell in group.cells
        if str(cell) not in done and (wanted is None or str(cell) in wanted)
    ]
    return replace(group, cells=tuple(cells))


def _run_group(
    group: Group, request: Request, neighbour: around.Neighbour, share_s: float, tell: Tell
) -> None:
    tell({"at": str(group.cells[0]), "group": [str(cell) for cell in group.cells]})
    end = time.monotonic() + share_s
    material = material_for(group, request.device, time.monotonic() + share_s * _SHARE_TO_ENLARGE)
    for position, cell in enumerate(group.cells):
        tell({"at": str(cell)})
        weights = [
            _ONE_OF_MANY_THREADS if other.threads > 1 else 1 for other in group.cells[position:]
        ]
        until = time.monotonic() + max(0.0, end - time.monotonic()) * weights[0] / sum(weights)
        tell(run_cell(cell, material, request.repeats, neighbour, until))


def material_for(group: Group, device: str, until: float) -> Material:
    """Make the calls of a group. Samples are always looked at in the same order; `until` only ends
    it earlier."""
    try:
        samples = samples_of(group, device)
    except (
        Exception
    ) as error:  # op_db's own code; without samples there is nothing to run, and the reason is told
        return Material(
            refusal=f"its samples cannot be made: {type(error).__name__}: {error}"[:160]
        )
    if group.size == "sample" or not samples:
        return Material(
            samples[:_MOST_CALLS], len(samples), refusal="" if samples else "op_db has no samples"
        )
    found = Material(samples=len(samples))
    forms: list[list[Call]] = []
    for sample in sorted(samples, key=_urgency):
        is_late = time.monotonic() > until + (0.0 if found.elements else _PATIENCE_S)
        if len(forms) >= _MOST_CALLS or (forms and is_late):
            break
        larger = enlarged(sample, group.cells[0], max(until, time.monotonic() + _ENLARGE_S))
        around.check_device(device)
        forms.append(larger.calls)
        found.elements = max(found.elements, larger.elements)
        found.refusal = found.refusal or larger.refusal
    # The first form of each sample before the second of any: samples differ more than the forms of
    # one.
    found.calls = [
        form for forms_alike in zip_longest(*forms) for form in forms_alike if form is not None
    ][:_MOST_CALLS]
    return found


def _urgency(sample: Call) -> tuple[bool, bool]:
    """Sort what has no extents last and what has indices first: where many name one place,
    additions race."""
    indices = (
        tensor.dtype in (torch.int64, torch.int32) and tensor.numel() > 1
        for tensor in _plain(sample)
    )
    return count_largest(sample.operands) == 1, not any(indices)


def _plain(sample: Call) -> Iterator[torch.Tensor]:
    return (tensor for tensor in tensors_in(sample.operands) if is_plain(tensor))


def enlarged(sample: Call, cell: Cell, until: float) -> Enlarged:
    """Return the larger forms of a sample that the op accepts. A backward pass takes part in what
    is too slow."""

    def accepts(call: Call) -> Any:
        result = RepeatableCall(replace(cell, phase="forward"), call).run()
        try:
            backward = RepeatableCall(replace(cell, phase="backward"), call)
            if (
                any(tensor.requires_grad for tensor in tensors_in(call.operands))
                and backward.prepare()
            ):
                backward.run()
        except (
            RuntimeError
        ) as error:  # of the backward pass alone: its own cells will say so, unless it is the size
            if "memory" in str(error):
                raise
        return result

    with around.threads(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return enlarge(sample, accepts, until)


def run_cell(
    cell: Cell, material: Material, repeats: int, neighbour: around.Neighbour, until: float
) -> Record:
    """Look at the calls of a cell in turn until `until` (the first one always) and return one
    record for all."""
    if not material.calls:
        missing = Status.NOT_ENLARGED if material.samples else Status.NO_SAMPLES
        return {
            "cell": str(cell),
            "status": missing.value,
            "elements": material.elements,
            "why": material.refusal,
        }
    experiment = Experiment(cell, repeats, neighbour)
    looks: list[tuple[Call, Seen]] = []
    for call in material.calls:
        if looks and time.monotonic() > until:
            break
        slice_s = min(_SLICE_S, max(_LEAST_SLICE_S, (until - time.monotonic()) / 2))
        looks.append((call, experiment.look(call, slice_s)))
        around.check_device(cell.device)
    return _record(cell, looks, material)


def identifier(call: Call) -> str:
    """Return what names a call within its cell."""
    return f"{call.sample} {call.label}".strip()


def _record(cell: Cell, looks: list[tuple[Call, Seen]], material: Material) -> Record:
    call, worst = min(looks, key=lambda look: _RANK.index(look[1].status))
    compared = [seen for _, seen in looks if seen.status not in (Status.RAISES, Status.NO_GRADIENT)]
    record: Record = {
        "cell": str(cell),
        "status": worst.status.value,
        "calls": len(compared),
        "samples": material.samples,
        "elements": max((seen.elements for _, seen in looks), default=0),
        "declared": _declared(compared).value,
    }
    if alerts := sorted({alert for seen in compared for alert in seen.alerts}):
        record["alerts"] = alerts
    if worst.status not in (Status.STABLE, Status.NO_GRADIENT, Status.RAISES):
        record |= {
            "call": identifier(call),
            "way": worst.way,
            "tallies": worst.tallies,
            "difference": worst.difference,
            "under_flag": worst.under_flag.value if worst.under_flag is not None else None,
            "of_calls": sum(seen.status is worst.status for seen in compared),
            "given": _given(call),
        }
    if not compared:
        record["why"] = next(
            (seen.error for _, seen in looks if seen.error), "no result requires a gradient"
        )
    return record


def _given(call: Call) -> str:
    """Return the arguments that are no tensors, as far as they are short."""
    _, args, kwargs = call.operands
    shown = [repr(value) for value in args if isinstance(value, _SHOWN)]
    shown += [f"{name}={value!r}" for name, value in kwargs.items() if isinstance(value, _SHOWN)]
    return ", ".join(shown)[:120]


def _declared(seen: list[Seen]) -> Declared:
    said = {look.declared for look in seen}
    return next(
        (what for what in (Declared.RAISES, Declared.WORKSPACE) if what in said), Declared.NOTHING
    )


# -- looking again
# ---------------------------------------------------------------------------------------------------


def confirm(request: Request, accused: dict[str, str], tell: Tell) -> None:
    """Repeat accused calls (cell -> call) of one op, name the operator that differs, and tell it."""
    neighbour = around.Neighbour(request.device)
    for op in chosen_ops(request):
        for group in groups_of(op, request):
            for cell in group.cells:
                if str(cell) in accused:
                    tell({"at": str(cell)})
                    tell(_confirmed(group, cell, accused[str(cell)], request, neighbour))


def _confirmed(
    group: Group, cell: Cell, wanted: str, request: Request, neighbour: around.Neighbour
) -> Record:
    call = _find(group, cell, wanted)
    if call is None:
        return {
            "cell": str(cell),
            "confirm": {"again": False, "why": "the call could not be made again"},
        }
    look = partial(Experiment(cell, 2 * request.repeats, neighbour).look, call, 10 * _SLICE_S)
    seen = next((seen for _ in range(3) if (seen := look()).status is not Status.STABLE), Seen())
    found: Record = {
        "again": seen.status is Status.DIFFERS,
        "status": seen.status.value,
        "way": seen.way,
        "tallies": seen.tallies,
        "under_flag": seen.under_flag.value if seen.under_flag else None,
    }
    if seen.status is Status.DIFFERS and (culprit := blame(cell, call)) is not None:
        found |= {
            "aten": culprit.aten,
            "replays": [culprit.differing, culprit.made],
            "program": culprit.program,
        }
    return {"cell": str(cell), "confirm": found}


def _find(group: Group, cell: Cell, wanted: str) -> Call | None:
    """Return the call again. How far a sample is enlarged depends on the time that it takes; how,
    does not."""
    number, _, label = wanted.partition(" ")
    sample = next(
        (call for call in samples_of(group, cell.device) if str(call.sample) == number), None
    )
    if sample is None or not label:
        return sample
    kind = label.partition(" × ")[0]
    larger = enlarged(sample, cell, time.monotonic() + 100 * _SLICE_S).calls
    return next((call for call in larger if call.label.partition(" × ")[0] == kind), None)
