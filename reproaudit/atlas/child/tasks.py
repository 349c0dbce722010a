"""The two tasks of a worker: sweep the cells of a request, and confirm accused cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from reproaudit.atlas.cells import APART, Cell, Declared, Request, Status
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child.blame import find_culprit
from reproaudit.atlas.child.experiment import Experiment, Observation
from reproaudit.atlas.child.material import Material, enlarge_sample, make_material
from reproaudit.atlas.child.opdb import (
    Call,
    Group,
    choose_ops,
    make_groups,
    make_samples,
    name_of,
)

# For the repetitions of one call, at most; the fewest repetitions are made in any case.
_SLICE_S = 0.15
_LEAST_SLICE_S = 0.02
_SHARE_TO_ENLARGE = 0.35
_MANY_THREADS_WEIGHT = 4  # more time for cells in which threads can race
_CONFIRMATIONS = 3  # times that an accused call is looked at until it differs
_MOST_CHARACTERS = 120  # of the arguments that are shown
_SHOWN_TYPES = (bool, int, float, str, type(None))
# Of the calls of a cell the first of this order decides.
_RANK = (Status.DIFFERS, *APART, Status.STABLE, Status.NO_GRADIENT, Status.RAISES)
_NOT_COMPARED = (Status.RAISES, Status.NO_GRADIENT)

ObservedCall = tuple[Call, Observation]
Record = dict[str, Any]
Report = Callable[[Record], None]


def sweep(
    request: Request, done: frozenset[str], wanted: frozenset[str] | None, report: Report
) -> None:
    """Run every cell that is not in `done`, or of these only the wanted ones.

    `report` gets a record of each. Before a cell it gets {"at": cell}, while calls are made for
    several also {"group": cells}: whoever listens knows what was going on if this process dies.
    """
    ops = choose_ops(request)
    neighbour = around.Neighbour(request.device)
    pending: dict[str, list[Group]] = {}  # by op
    unsupported = []
    for op in ops:
        name = name_of(op)
        groups = make_groups(op, request)
        if not groups:
            unsupported.append(name)
        left = [_leave_out(group, done, wanted) for group in groups]
        pending[name] = [group for group in left if group.cells]
    cells = 0
    for groups in pending.values():
        cells += sum(len(group.cells) for group in groups)
    report({"plan": {"ops": len(ops), "cells": cells, "unsupported": unsupported}})
    for groups in pending.values():
        _run_op(groups, request, neighbour, report)


def _leave_out(group: Group, done: frozenset[str], wanted: frozenset[str] | None) -> Group:
    """Return the group with those of its cells that are still to be run."""
    cells = []
    for cell in group.cells:
        name = str(cell)
        if name in done:
            continue
        if wanted is None or name in wanted:
            cells.append(cell)
    return replace(group, cells=tuple(cells))


def _run_op(
    groups: list[Group], request: Request, neighbour: around.Neighbour, report: Report
) -> None:
    """Run the groups of one op. What one of them does not use of its time the next ones share."""
    end = time.monotonic() + request.seconds
    for position, group in enumerate(groups):
        weights = [other.weight for other in groups[position:]]
        share_s = _time_left(end) * group.weight / sum(weights)
        _run_group(group, request, neighbour, share_s=share_s, report=report)


def _time_left(end: float) -> float:
    return max(0.0, end - time.monotonic())


def _run_group(
    group: Group,
    request: Request,
    neighbour: around.Neighbour,
    *,
    share_s: float,
    report: Report,
) -> None:
    names = [str(cell) for cell in group.cells]
    report({"at": names[0], "group": names})
    start = time.monotonic()
    end = start + share_s
    enlarge_until = start + share_s * _SHARE_TO_ENLARGE
    material = make_material(group, request.device, enlarge_until)
    for position, cell in enumerate(group.cells):
        report({"at": str(cell)})
        weights = [_weigh(other) for other in group.cells[position:]]
        slot_s = _time_left(end) * weights[0] / sum(weights)
        until = time.monotonic() + slot_s
        experiment = Experiment(cell, request.repeats, neighbour)
        record = _run_cell(experiment, material, until)
        report(record)


def _weigh(cell: Cell) -> int:
    if cell.threads > 1:
        return _MANY_THREADS_WEIGHT
    return 1


def _run_cell(experiment: Experiment, material: Material, until: float) -> Record:
    """Observe the calls of a cell in turn until `until`, the first one always.

    Returns one record for all.
    """
    cell = experiment.cell
    if not material.calls:
        return _make_record_without_calls(cell, material)
    observed: list[ObservedCall] = []
    for call in material.calls:
        left_s = until - time.monotonic()
        if observed and left_s < 0:
            break
        # Half of what is left, so that more than one call gets a turn.
        slice_s = max(_LEAST_SLICE_S, left_s / 2)
        slice_s = min(_SLICE_S, slice_s)
        seen = experiment.observe(call, slice_s)
        observed.append((call, seen))
        around.check_device(cell.device)
    return _make_record(cell, observed, material)


def _make_record_without_calls(cell: Cell, material: Material) -> Record:
    status = Status.NO_SAMPLES
    if material.samples:
        status = Status.NOT_ENLARGED
    return {
        "cell": str(cell),
        "status": status.value,
        "elements": material.elements,
        "why": material.refusal,
    }


def _make_record(cell: Cell, observed: list[ObservedCall], material: Material) -> Record:
    observations = [seen for _, seen in observed]
    compared = [seen for seen in observations if seen.status not in _NOT_COMPARED]
    call, worst = min(observed, key=_rank)
    elements = [seen.elements for seen in observations]
    record: Record = {
        "cell": str(cell),
        "status": worst.status.value,
        "calls": len(compared),
        "samples": material.samples,
        "elements": max(elements),
        "declared": _find_declaration(compared).value,
    }
    alerts: set[str] = set()
    for seen in compared:
        alerts.update(seen.alerts)
    if alerts:
        record["alerts"] = sorted(alerts)
    if not compared:
        record["why"] = _find_reason(observations)
    elif worst.status is not Status.STABLE:
        alike = [seen for seen in compared if seen.status is worst.status]
        record |= {
            "call": _name_call(call),
            "way": worst.way,
            "tallies": worst.tallies,
            "difference": worst.difference,
            "under_flag": _name_under_flag(worst),
            "of_calls": len(alike),
            "given": _show_arguments(call),
        }
    return record


def _rank(observed: ObservedCall) -> int:
    _, seen = observed
    return _RANK.index(seen.status)


def _find_reason(observations: list[Observation]) -> str:
    """Return why no call was compared: the first error, if there was one."""
    for seen in observations:
        if seen.error:
            return seen.error
    return "no result requires a gradient"


def _name_under_flag(seen: Observation) -> str | None:
    if seen.under_flag is None:
        return None
    return seen.under_flag.value


def _name_call(call: Call) -> str:
    """Return what names a call within its cell."""
    name = f"{call.sample} {call.label}"
    return name.strip()


def _show_arguments(call: Call) -> str:
    """Return the arguments that are no tensors, as far as they are short."""
    _, args, kwargs = call.operands
    shown = []
    for value in args:
        if isinstance(value, _SHOWN_TYPES):
            shown.append(repr(value))
    for name, value in kwargs.items():
        if isinstance(value, _SHOWN_TYPES):
            shown.append(f"{name}={value!r}")
    text = ", ".join(shown)
    return text[:_MOST_CHARACTERS]


def _find_declaration(observations: list[Observation]) -> Declared:
    found = {seen.declared for seen in observations}
    for declared in (Declared.RAISES, Declared.WORKSPACE):
        if declared in found:
            return declared
    return Declared.NOTHING


def confirm(request: Request, accused: dict[str, str], report: Report) -> None:
    """Repeat the accused call of each cell, and name the operator that differs.

    `accused` maps cells to calls, as the record of a sweep names them. Before a cell `report` gets
    {"at": cell}, then {"cell": cell, "confirm": …}.
    """
    neighbour = around.Neighbour(request.device)
    for group, cell in _list_cells(request):
        name = str(cell)
        wanted = accused.get(name)
        if wanted is None:
            continue
        report({"at": name})
        experiment = Experiment(cell, 2 * request.repeats, neighbour)
        found = _confirm_call(group, experiment, wanted)
        report({"cell": name, "confirm": found})


def _list_cells(request: Request) -> Iterator[tuple[Group, Cell]]:
    """Yield every cell of the request with its group."""
    for op in choose_ops(request):
        for group in make_groups(op, request):
            for cell in group.cells:
                yield group, cell


def _confirm_call(group: Group, experiment: Experiment, wanted: str) -> Record:
    cell = experiment.cell
    call = _find_call(group, cell, wanted)
    if call is None:
        return {"again": False, "why": "the call could not be made again"}
    seen = _observe_again(experiment, call)
    found: Record = {
        "again": seen.status is Status.DIFFERS,
        "status": seen.status.value,
        "way": seen.way,
        "tallies": seen.tallies,
        "under_flag": _name_under_flag(seen),
    }
    culprit = None
    if seen.status is Status.DIFFERS:
        culprit = find_culprit(cell, call)
    if culprit is not None:
        found |= {
            "aten": culprit.aten,
            "replays": [culprit.differing, culprit.made],
            "program": culprit.program,
        }
    return found


def _observe_again(experiment: Experiment, call: Call) -> Observation:
    """Observe a call until it is not stable, some times at most."""
    for _ in range(_CONFIRMATIONS):
        seen = experiment.observe(call, 10 * _SLICE_S)
        if seen.status is not Status.STABLE:
            return seen
    return Observation()  # what did not differ is reported without its tallies


def _find_call(group: Group, cell: Cell, wanted: str) -> Call | None:
    """Return the call of this name, None if it cannot be made again.

    How far a sample is enlarged depends on the time that it takes; how, does not. So the factor
    behind the `×` is left out of the comparison.
    """
    number, _, label = wanted.partition(" ")
    sample = _find_sample(group, cell.device, number)
    if sample is None or not label:
        return sample
    until = time.monotonic() + 100 * _SLICE_S
    enlarged = enlarge_sample(sample, cell, until)
    for larger in enlarged.calls:
        if _cut_factor(larger.label) == _cut_factor(label):
            return larger
    return None


def _find_sample(group: Group, device: str, number: str) -> Call | None:
    for sample in make_samples(group, device):
        if str(sample.sample) == number:
            return sample
    return None


def _cut_factor(label: str) -> str:
    how, _, _ = label.partition(" × ")
    return how
