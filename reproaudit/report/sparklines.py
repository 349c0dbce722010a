"""Owns a difference as it grows over the steps, as lines of characters for a screen."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.events import EventKind
from reproaudit.model.growth import ABSENT, DIFFERS, EQUAL, MEASURED, NAN, NO_ULP, Growth
from reproaudit.report.unpacked import read_items, read_whole_numbers
from reproaudit.report.wording import name_kind, show_count, show_name, show_whole

_BARS = "▁▂▃▄▅▆▇█"
_LOSS = "loss"
_DIFFERS = re.compile(rb"[^\x00\x01]")  # neither absent nor equal
# Beside a distance it does not count that others have none.
_WITHOUT_DISTANCE = bytes.maketrans(bytes((NO_ULP, NAN)), bytes((DIFFERS, DIFFERS)))
LEGEND = ("· equal", f"{_BARS} largest distance in ULP, on a log scale", "× differs, not measured")


@dataclass(frozen=True, slots=True)
class Sparkline:
    """What a tensor, or the furthest of several, does over the steps: a mark for each step, or for
    some that follow each other.

    `first` numbers the mark with the first difference; None if there is none. Texts are escaped.
    """

    label: str
    marks: str
    first: int | None
    said: str


@dataclass(frozen=True, slots=True)
class _Group:
    label: str
    tensors: Sequence[int]  # their numbers
    codes: bytes  # the largest of each step


def draw_growth(growth: Growth, width: int) -> list[Sparkline]:
    """Return a line each for the loss, the tensor that differs first, and every kind of tensor.

    No line has more than `width` marks. Raises ValueError for columns that are damaged.
    """
    if not growth.tensors or growth.steps <= 0:
        return []
    groups = list(_make_groups(growth))
    furthest = _find_furthest(growth)
    top = max(max(_list_measured(group.codes), default=MEASURED) for group in groups)
    lines = []
    for group in groups:
        each = math.ceil(growth.steps / width)
        joined = [max(group.codes[at : at + each]) for at in range(0, growth.steps, each)]
        first = next((at for at, code in enumerate(joined) if code > EQUAL), None)
        most = max((furthest.get(number, 0.0) for number in group.tensors), default=0.0)
        marks = "".join(_mark(code, top) for code in joined)
        said = _say(group.codes, growth.first_step, most)
        lines.append(Sparkline(group.label, marks, first, said))
    return lines


def _make_groups(growth: Growth) -> Iterator[_Group]:
    steps = growth.steps
    items = read_whole_numbers(growth.cells, len(growth.tensors) * steps)
    cells = items.tobytes().translate(_WITHOUT_DISTANCE)
    rows = [cells[at : at + steps] for at in range(0, len(cells), steps)]
    told: list[list[int]] = []
    losses = []
    kinds: dict[EventKind, list[int]] = {}
    for number, tensor in enumerate(growth.tensors):
        kinds.setdefault(tensor.kind, []).append(number)
        if tensor.kind is EventKind.OUTPUT and tensor.name == _LOSS:
            losses.append(number)
    if losses:
        told.append(losses)
        yield _Group(_LOSS, losses, _join_rows([rows[number] for number in losses]))
    first = _find_first(rows)
    if first is not None and [first] not in told:
        told.append([first])
        tensor = growth.tensors[first]
        label = f"{name_kind(tensor.kind)} {show_name(tensor.name)}"
        yield _Group(label, [first], rows[first])
    for kind, numbers in kinds.items():
        if numbers not in told:
            label = show_count(len(numbers), name_kind(kind))
            yield _Group(label, numbers, _join_rows([rows[number] for number in numbers]))


def _find_first(rows: Sequence[bytes]) -> int | None:
    """Return the number of the row that differs in the earliest step."""
    first: tuple[int, int] | None = None
    for number, row in enumerate(rows):
        found = _DIFFERS.search(row)
        if found is not None and (first is None or found.start() < first[0]):
            first = (found.start(), number)
    return None if first is None else first[1]


def _join_rows(rows: Sequence[bytes]) -> bytes:
    return rows[0] if len(rows) == 1 else bytes(map(max, *rows))


def _list_measured(codes: bytes) -> list[int]:
    return [code for code in codes if code >= MEASURED]


def _find_furthest(growth: Growth) -> dict[int, float]:
    """Return the largest distance in ULP of each tensor that has one, by its number."""
    places = read_whole_numbers(growth.at, growth.at.length)
    distances = read_items(growth.max_ulp, growth.at.length)
    furthest: dict[int, float] = {}
    for place, distance in zip(places, distances, strict=True):
        number = place // growth.steps
        if math.isfinite(distance):
            furthest[number] = max(furthest.get(number, 0.0), distance)
    return furthest


def _mark(code: int, top: int) -> str:
    if code == ABSENT:
        return " "
    if code == EQUAL:
        return "·"
    if code < MEASURED:
        return "×"
    height = (code - MEASURED) / max(top - MEASURED, 1)
    return _BARS[round(height * (len(_BARS) - 1))]


def _say(codes: bytes, first_step: int, most_ulp: float) -> str:
    found = _DIFFERS.search(codes)
    if found is None:
        return "equal"
    said = f"first in step {first_step + found.start()}"
    if most_ulp:
        said += f", at most {show_whole(int(most_ulp))} ULP"
    return said
