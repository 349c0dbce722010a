"""How far groups of tensors are apart over steps, as series that a tracker draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reproaudit.model.growth import EQUAL, MEASURED, NO_ULP, Growth, ulp_of_code
from reproaudit.report.unpacked import read_items, read_whole_numbers
from reproaudit.report.wording import name_kind, show_name
from reproaudit.track.record import Series

_MOST_GROUPS = 50
_MOST_POINTS = 20_000  # of all series together


def list_growth(growth: Growth | None) -> tuple[list[Series], list[str]]:
    """Return the largest distance in ULP of each group of tensors in each step, and sentences on
    what is left out.

    A group is what a module has of one kind, such as the gradients of "layers.1". 0: all of its
    tensors are equal there. A step in which they differ in another way than by a distance has no
    point. Groups that differ come in the order in which the program first makes them.
    """
    if growth is None:
        return [], []
    try:
        cells = read_whole_numbers(growth.cells, len(growth.tensors) * growth.steps)
        distances = _read_distances(growth)
    except ValueError as error:  # a stranger's result may hold columns that are none
        return [], [f"growth: {error}"]
    groups: dict[str, list[int]] = {}
    for row, tensor in enumerate(growth.tensors):
        module = show_name(tensor.name.rpartition(".")[0]) or "(top)"
        name = f"{name_kind(tensor.kind)}/{module}"
        if tensor.process:
            name = f"{show_name(tensor.process)}/{name}"
        groups.setdefault(name, []).append(row)
    series = []
    for name, rows in groups.items():
        points = _join_rows(growth, cells, distances, rows)
        if any(value for _, value in points):
            series.append(Series(f"reproaudit/growth/{name}", points))
    said = []
    if growth.left_out_steps:
        said.append(f"growth: {growth.left_out_steps:,} steps before or after these")
    if growth.left_out_tensors:
        said.append(f"growth: {growth.left_out_tensors:,} tensors that come later")
    if len(series) > _MOST_GROUPS:
        said.append(f"growth: the first {_MOST_GROUPS} of {len(series):,} groups of tensors")
        series = series[:_MOST_GROUPS]
    total = sum(len(one.points) for one in series)
    if total > _MOST_POINTS:
        every = -(-total // _MOST_POINTS)
        said.append(f"growth: one of {every} steps")
        series = [Series(one.name, one.points[::every]) for one in series]
    return series, said


def _join_rows(
    growth: Growth, cells: Sequence[int], distances: Mapping[int, float], rows: Sequence[int]
) -> tuple[tuple[int, float], ...]:
    """Return the largest distance of the rows in each step that has one."""
    points = []
    for column in range(growth.steps):
        largest: float | None = None
        for row in rows:
            cell = row * growth.steps + column
            distance = _find_distance(cells[cell], distances.get(cell, 0.0))
            if distance is not None and (largest is None or distance > largest):
                largest = distance
        if largest is not None:
            points.append((growth.first_step + column, largest))
    return tuple(points)


def _find_distance(code: int, exact: float) -> float | None:
    """Return a distance in ULP; None for a cell that has none."""
    if code == EQUAL:
        return 0.0
    if not MEASURED <= code < NO_ULP:
        return None
    return exact if 0.0 < exact < math.inf else ulp_of_code(code)


def _read_distances(growth: Growth) -> dict[int, float]:
    """Return the exact distances in ULP by cell. Raises ValueError for columns that are damaged."""
    places = read_whole_numbers(growth.at, growth.at.length)
    distances = read_items(growth.max_ulp, growth.at.length)
    return dict(zip(places, distances, strict=True))
