"""The sweep: workers until each cell has a record, then each accusation again in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from reproaudit.atlas.cells import Request, Status, parse_cell
from reproaudit.atlas.log import Log, Record
from reproaudit.atlas.worker import Worker, run_program
from reproaudit.errors import ReproauditError


class Progress(Protocol):
    """Hears how far the sweep is."""

    def planned(self, ops: int, cells: int) -> None: ...

    def cell(self, record: Record) -> None: ...

    def confirming(self, what: str, left: int) -> None: ...


def sweep(
    request: Request,
    log: Log,
    timeout_s: float,
    progress: Progress,
    cells: tuple[str, ...] | None = None,
) -> None:
    """Give every cell of the request a record; those that the log has already are left as they are."""
    is_complete = False
    while not is_complete:
        task = {
            "do": "sweep",
            "request": request.to_json(),
            "done": sorted(log.cells),
            "cells": cells,
        }
        is_complete = _listen(task, log, timeout_s, progress, request)


def _listen(
    task: Mapping[str, Any], log: Log, timeout_s: float, progress: Progress, request: Request
) -> bool:
    """Hear one worker out; return whether it did all. What it was at when it died gets a record
    that says so."""
    at: list[str] = []
    with Worker(task, timeout_s) as worker:
        for record in worker.records():
            if "environment" in record:
                log.begin(record["environment"], request.to_json())
            elif "plan" in record:
                _check_plan(record["plan"], request)
                progress.planned(record["plan"]["ops"], record["plan"]["cells"])
            elif "at" in record:
                at = record.get("group", [record["at"]])
            else:
                log.add(record)
                progress.cell(record)
                at = []
        if not worker.ended:
            return True
        if not at:
            raise ReproauditError(
                "the atlas's worker failed before it reached a cell: "
                f"{worker.ended}\n{worker.last_words()}",
                code="atlas-worker",
                hint="op_db needs a torch that holds torch.testing._internal",
            )
        for name in at:
            status = Status.TIMED_OUT if worker.is_timed_out else Status.CRASHED
            record = {"cell": name, "status": status.value, "why": worker.ended}
            log.add(record)
            progress.cell(record)
        return False


def _check_plan(plan: Mapping[str, Any], request: Request) -> None:
    if not plan["ops"] or len(plan["unsupported"]) == plan["ops"]:
        raise ReproauditError(
            f"nothing to sweep: {plan['ops']} ops of op_db match {request.only!r}, and none of "
            f"them supports {', '.join(request.dtypes)} on {request.device}"
            if plan["ops"]
            else f"nothing to sweep: no op of op_db matches {request.only!r}",
            code="atlas-empty",
            hint="--only takes a regular expression, such as '^(gather|scatter)'",
        )


def confirm(request: Request, log: Log, timeout_s: float, progress: Progress) -> None:
    """Look at each accused call again in a fresh process; what does not differ again is let go."""
    accused = {
        name: record["call"]
        for name, record in sorted(log.cells.items())
        if record["status"] == Status.DIFFERS.value and "confirm" not in record
    }
    while accused:
        at, told = next(iter(accused)), set[str]()
        with Worker(
            {"do": "confirm", "request": request.to_json(), "accused": accused}, timeout_s
        ) as worker:
            for record in worker.records():
                if "at" in record:
                    at = record["at"]
                    progress.confirming(at, len(accused) - len(told))
                elif "confirm" in record:
                    log.add(record)
                    told.add(record["cell"])
            accused = {name: call for name, call in accused.items() if name not in told}
            unmet = [at] if worker.ended else list(accused)
            for name in unmet:  # where the worker died, or cells that it did not meet
                log.add(
                    {
                        "cell": name,
                        "confirm": {
                            "again": False,
                            "why": worker.ended or "the cell was not met again",
                        },
                    }
                )
            accused = {name: call for name, call in accused.items() if name not in unmet}
    _run_reproducers(log, progress.confirming)


def _run_reproducers(log: Log, say: Callable[[str, int], None]) -> None:
    """Run the one-line program of one accused cell for each op and phase, and note how often it
    differed."""
    chosen: dict[tuple[str, str], str] = {}
    for name, record in log.cells.items():
        cell, program = parse_cell(name), record.get("confirm", {}).get("program")
        if program and record["confirm"]["again"]:
            chosen.setdefault((cell.op, cell.phase), name)
    left = [name for name in chosen.values() if "reproduced" not in log.cells[name]]
    counted: dict[str, Any] = {}
    for number, name in enumerate(left):
        program = log.cells[name]["confirm"]["program"]
        say(parse_cell(name).op, len(left) - number)
        if program not in counted:
            counted[program] = run_program(program)
        log.add({"cell": name, "reproduced": counted[program]})
