"""The two tasks of a worker: sweep the cells of a request, and confirm accused cells."""

from __future__ import annotations

import time
from collections.abc import Callable
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
    plan: dict[str, list[Group]] = {}
    unsupported = []
    for op in ops:
        groups = make_groups(op, request)
        if not groups:
            unsupported.append(name_of(op))
        plan[name_of(op)] = [_leave_out(group, done, wanted) for group in groups]
    cells = sum(len(group.cells) for groups in plan.values() for group in groups)
    report({"plan": {"ops": len(ops), "cells": cells, "unsupported": unsupported}})
    for groups in plan.values():
        end = time.monotonic() + request.seconds
        pending = [group for group in groups if group.cells]
        for position, group in enumerate(pending):
            weights = sum(other.weight for other in pending[position:])
            share_s = _time_left(end) * group.weight / weights
            _run_group(group, request, neighbour, share_s=share_s, report=report)


def _leave_out(group: Group, done: frozenset[str], wanted: frozenset[str] | None) -> Group:
    cells = []
    for cell in group.cells:
        name = str(cell)
        if name not in done and (wanted is None or name in wanted):
            cells.append(cell)
    return replace(group, cells=tuple(cells))


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
    report({"at": str(group.cells[0]), "group": [str(cell) for cell in group.cells]})
    start = time.monotonic()
    end = start + share_s
    material = make_material(group, request.device, start + share_s * _SHARE_TO_ENLARGE)
    for position, cell in enumerate(group.cells):
        report({"at": str(cell)})
        weights = [_weigh(other) for other in group.cells[position:]]
        until = time.monotonic() + _time_left(end) * weights[0] / sum(weights)
        experiment = Experiment(cell, request.repeats, neighbour)
        report(_run_cell(experiment, material, until))


def _weigh(cell: Cell) -> int:
    return _MANY_THREADS_WEIGHT if cell.threads > 1 else 1


def _run_cell(experiment: Experiment, material: Material, until: float) -> Record:
    """Observe the calls of a cell in turn until `until`, the first one always.

    Returns one record for all.
    """
    cell = experiment.cell
    if not material.calls:
        missing = Status.NOT_ENLARGED if material.samples else Status.NO_SAMPLES
        return {
            "cell": str(cell),
            "status": missing.value,
            "elements": material.elements,
            "why": material.refusal,
        }
    observed: list[tuple[Call, Observation]] = []
    for call in material.calls:
        now = time.monotonic()
        if observed and now > until:
            break
        slice_s = min(_SLICE_S, max(_LEAST_SLICE_S, (until - now) / 2))
        observed.append((call, experiment.observe(call, slice_s)))
        around.check_device(cell.device)
    return _make_record(cell, observed, material)


def _make_record(
    cell: Cell, observed: list[tuple[Call, Observation]], material: Material
) -> Record:
    call, worst = min(observed, key=lambda pair: _RANK.index(pair[1].status))
    not_compared = (Status.RAISES, Status.NO_GRADIENT)
    compared = [seen for _, seen in observed if seen.status not in not_compared]
    record: Record = {
        "cell": str(cell),
        "status": worst.status.value,
        "calls": len(compared),
        "samples": material.samples,
        "elements": max((seen.elements for _, seen in observed), default=0),
        "declared": _find_declaration(compared).value,
    }
    alerts = {alert for seen in compared for alert in seen.alerts}
    if alerts:
        record["alerts"] = sorted(alerts)
    if worst.status not in (Status.STABLE, *not_compared):
        record |= {
            "call": _name_call(call),
            "way": worst.way,
            "tallies": worst.tallies,
            "difference": worst.difference,
            "under_flag": worst.under_flag.value if worst.under_flag is not None else None,
            "of_calls": sum(seen.status is worst.status for seen in compared),
            "given": _show_arguments(call),
        }
    if not compared:
        errors = [seen.error for _, seen in observed if seen.error]
        record["why"] = errors[0] if errors else "no result requires a gradient"
    return record


def _name_call(call: Call) -> str:
    """Return what names a call within its cell."""
    return f"{call.sample} {call.label}".strip()


def _show_arguments(call: Call) -> str:
    """Return the arguments that are no tensors, as far as they are short."""
    _, args, kwargs = call.operands
    shown = [repr(value) for value in args if isinstance(value, _SHOWN_TYPES)]
    for name, value in kwargs.items():
        if isinstance(value, _SHOWN_TYPES):
            shown.append(f"{name}={value!r}")
    return ", ".join(shown)[:_MOST_CHARACTERS]


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
    for op in choose_ops(request):
        for group in make_groups(op, request):
            for cell in group.cells:
                name = str(cell)
                if name not in accused:
                    continue
                report({"at": name})
                experiment = Experiment(cell, 2 * request.repeats, neighbour)
                found = _confirm_call(group, experiment, accused[name])
                report({"cell": name, "confirm": found})


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
        "under_flag": seen.under_flag.value if seen.under_flag else None,
    }
    culprit = find_culprit(cell, call) if seen.status is Status.DIFFERS else None
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
    for sample in make_samples(group, cell.device):
        if str(sample.sample) == number:
            break
    else:
        return None
    if not label:
        return sample
    until = time.monotonic() + 100 * _SLICE_S
    for larger in enlarge_sample(sample, cell, until).calls:
        if _cut_factor(larger.label) == _cut_factor(label):
            return larger
    return None


def _cut_factor(label: str) -> str:
    return label.partition(" × ")[0]
