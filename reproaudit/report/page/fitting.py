"""Owns what is left out of a page that would grow too large for a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reproaudit.codec import encode
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.growth import Growth
from reproaudit.model.result import AuditResult
from reproaudit.report.page.document import write_payload
from reproaudit.report.page.payload import Wanted, make_payload
from reproaudit.report.places import move_ops
from reproaudit.report.wording import show_count, show_name

# How many rows of each table are kept if all of them do not fit.
_ROW_LIMITS = (5_000, 1_000, 200, 20)


@dataclass(slots=True)
class _Room:
    """Bytes that are left."""

    left: int

    def take(self, part: Any) -> bool:
        """Return True if the part fits, whose room is then taken."""
        size = len(write_payload(part))
        if size > self.left:
            return False
        self.left -= size
        return True


def fit_payload(
    results: Sequence[AuditResult],
    accepted: frozenset[str],
    *,
    with_source: bool,
    whole_ops: AlignedOps | None,
    most_bytes: int,
) -> dict[str, Any]:
    """Return the facts of a page, of about `most_bytes` at most.

    What does not fit is left out in this order: whole streams of operators, the stretches around
    sources, the growth over the steps, the ends of long tables, the last results. Each result says
    what it lacks.
    """
    payload = _fit_tables(results, accepted, with_source=with_source, most_bytes=most_bytes)
    room = _Room(most_bytes - len(write_payload(payload)))
    shown = payload["results"]
    for result, body in zip(results, shown, strict=False):
        if result.growth is not None:
            _add_growth(body, result.growth, room)
    for number, (result, body) in enumerate(zip(results, shown, strict=False)):
        # Streams that were read from traces are those of one comparison.
        wanted = [whole_ops] if whole_ops is not None and number == 0 else []
        if result.ops is not None:
            wanted.append(result.ops)
        _add_ops(body, wanted, room, result.folder)
    return payload


def _fit_tables(
    results: Sequence[AuditResult],
    accepted: frozenset[str],
    *,
    with_source: bool,
    most_bytes: int,
) -> dict[str, Any]:
    wanted = Wanted(accepted, with_source)
    payload = make_payload(results, wanted)
    for limit in _ROW_LIMITS:
        if len(write_payload(payload)) <= most_bytes:
            return payload
        payload = make_payload(results, Wanted(accepted, with_source, limit))
    _drop_results(payload, most_bytes)
    return payload


def _drop_results(payload: dict[str, Any], most_bytes: int) -> None:
    """Keep the first results, one at least."""
    room = _Room(most_bytes - len(write_payload(payload | {"results": []})))
    shown = payload["results"]
    kept = 0
    while kept < len(shown) and (room.take(shown[kept]) or kept == 0):
        kept += 1
    if kept < len(shown):
        cut = show_count(len(shown) - kept, "more result")
        payload["left_out"].append(f"{cut} would make this page too large: the table names them")
        del shown[kept:]


def _add_growth(body: dict[str, Any], growth: Growth, room: _Room) -> None:
    part = encode(Growth, _clean_growth(growth))
    if room.take(part):
        body["growth"] = part
        return
    tensors = show_count(len(growth.tensors), "tensor")
    steps = show_count(growth.steps, "step")
    body["left_out"].append(
        f"how the difference grows ({tensors}, {steps}) would make this page too large; "
        "result.json has it"
    )


def _add_ops(body: dict[str, Any], wanted: Sequence[AlignedOps], room: _Room, folder: str) -> None:
    for place, ops in enumerate(wanted):
        part = encode(AlignedOps, _clean_ops(folder, ops))
        if room.take(part):
            body["ops"] = part
            return
        rows = show_count(sum(stretch.rows for stretch in ops.stretches), "row")
        instead = ""
        if place + 1 < len(wanted):
            instead = "; shown are the stretches around the sources"
        body["left_out"].append(
            f"the operators of both runs ({rows}) would make this page too large{instead}"
        )


def _clean_growth(growth: Growth) -> Growth:
    tensors = [
        replace(
            tensor,
            name=show_name(tensor.name),
            tensor=show_name(tensor.tensor),
            process=show_name(tensor.process),
        )
        for tensor in growth.tensors
    ]
    return replace(growth, tensors=tuple(tensors))


def _clean_ops(folder: str, ops: AlignedOps) -> AlignedOps:
    locations = [
        replace(location, path=show_name(location.path), function=show_name(location.function))
        for location in move_ops(folder, ops).locations
    ]
    stretches = [replace(stretch, process=show_name(stretch.process)) for stretch in ops.stretches]
    first, second = map(show_name, ops.folders)
    return replace(
        ops,
        folders=(first, second),
        strings=tuple(map(show_name, ops.strings)),
        locations=tuple(locations),
        stretches=tuple(stretches),
    )
