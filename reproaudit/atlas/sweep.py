"""The sweep: workers until each cell has a record, then each accusation in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from reproaudit.atlas.cells import Request, Status, parse_cell
from reproaudit.atlas.log import Log, Record
from reproaudit.atlas.worker import Worker, run_program
from reproaudit.errors import ReproauditError


class SweepProgress(Protocol):
    """Hears how far the sweep is."""

    def plan(self, ops: int, cells: int) -> None: ...

    def finish_cell(self, record: Record) -> None: ...

    def confirm(self, what: str, left: int) -> None: ...


def sweep(
    request: Request,
    log: Log,
    timeout_s: float,
    progress: SweepProgress,
    *,
    cells: tuple[str, ...] | None = None,
) -> None:
    """Give every cell of the request a record; those that the log has already stay as they are.

    With `cells` only these are run. `timeout_s` is for what a worker does between two messages.
    """
    is_complete = False
    while not is_complete:
        task = {
            "do": "sweep",
            "request": request.to_json(),
            "done": sorted(log.cells),
            "cells": cells,
        }
        with Worker(task, timeout_s) as worker:
            is_complete = _follow(worker, request, log, progress)


def _follow(worker: Worker, request: Request, log: Log, progress: SweepProgress) -> bool:
    """Log what one worker reports; return True if it did all of its task.

    The cells that it was at when it died get a record that says so.
    """
    at: list[str] = []
    for record in worker.records():
        if "environment" in record:
            log.begin(record["environment"], request.to_json())
        elif "plan" in record:
            plan = record["plan"]
            _check_plan(plan, request)
            progress.plan(plan["ops"], plan["cells"])
        elif "at" in record:
            at = record.get("group", [record["at"]])
        else:
            log.add(record)
            progress.finish_cell(record)
            at = []
    if not worker.ended:
        return True
    if not at:
        # A fresh worker would fail in the same way, for ever.
        raise ReproauditError(
            f"the atlas's worker failed before it reached a cell: {worker.ended}\n"
            f"{worker.read_last_words()}",
            code="atlas-worker",
            hint="op_db needs a torch that holds torch.testing._internal",
        )
    status = Status.TIMED_OUT if worker.is_timed_out else Status.CRASHED
    for name in at:
        record = {"cell": name, "status": status.value, "why": worker.ended}
        log.add(record)
        progress.finish_cell(record)
    return False


def _check_plan(plan: Mapping[str, Any], request: Request) -> None:
    """Raise ReproauditError if there is nothing to sweep."""
    ops = plan["ops"]
    if ops and len(plan["unsupported"]) < ops:
        return
    why = f"no op of op_db matches {request.only!r}"
    if ops:
        dtypes = ", ".join(request.dtypes)
        why = (
            f"{ops} ops of op_db match {request.only!r}, and none of them supports "
            f"{dtypes} on {request.device}"
        )
    raise ReproauditError(
        f"nothing to sweep: {why}",
        code="atlas-empty",
        hint="--only takes a regular expression, such as '^(gather|scatter)'",
    )


def confirm_accusations(
    request: Request, log: Log, timeout_s: float, progress: SweepProgress
) -> None:
    """Repeat each accused call in a fresh process; what does not differ again is let go."""
    accused = {}
    for name, record in sorted(log.cells.items()):
        if "confirm" in record:
            continue
        if record["status"] == Status.DIFFERS.value:
            accused[name] = record["call"]
    while accused:
        task = {"do": "confirm", "request": request.to_json(), "accused": accused}
        with Worker(task, timeout_s) as worker:
            left = _confirm_some(worker, accused, log, progress)
        accused = {name: accused[name] for name in left}
    _run_reproducers(log, progress)


def _confirm_some(
    worker: Worker, accused: Mapping[str, str], log: Log, progress: SweepProgress
) -> list[str]:
    """Log what one worker reports of the accused cells; return those that are still to be asked."""
    at = next(iter(accused))
    confirmed: set[str] = set()
    for record in worker.records():
        if "at" in record:
            at = record["at"]
            left_count = len(accused) - len(confirmed)
            progress.confirm(at, left_count)
        elif "confirm" in record:
            log.add(record)
            confirmed.add(record["cell"])
    left = [name for name in accused if name not in confirmed]
    # The worker died at one cell; or it ended well and did not meet what is left.
    missed = [at] if worker.ended else left
    why = worker.ended or "the cell was not met again"
    refutation = {"again": False, "why": why}
    for name in missed:
        log.add({"cell": name, "confirm": refutation})
    return [name for name in left if name not in missed]


def _run_reproducers(log: Log, progress: SweepProgress) -> None:
    """Run the one-line program of one accused cell for each op and phase.

    How often it differed is added to the cell's record.
    """
    left = []
    for name in _choose_reproducers(log):
        if "reproduced" not in log.cells[name]:
            left.append(name)
    counted: dict[str, Any] = {}  # several ops may share one program
    for number, name in enumerate(left):
        cell = parse_cell(name)
        progress.confirm(cell.op, len(left) - number)
        confirmation = log.cells[name]["confirm"]
        program = confirmation["program"]
        if program not in counted:
            counted[program] = run_program(program)
        log.add({"cell": name, "reproduced": counted[program]})


def _choose_reproducers(log: Log) -> list[str]:
    """Return for each op and phase the first confirmed cell that has a program."""
    chosen: dict[tuple[str, str], str] = {}
    for name, record in log.cells.items():
        confirmation = record.get("confirm", {})
        if not confirmation.get("program"):
            continue
        if confirmation["again"]:
            cell = parse_cell(name)
            chosen.setdefault((cell.op, cell.phase), name)
    return list(chosen.values())
