"""Compares what every run must agree on: batches, outputs, gradients, parameters.

Runs that agree form one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.class_tables import Sketch, Tables, digest_contents, sketch
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.tables import Table
from reproaudit.config.tolerance import Ignored
from reproaudit.model.events import (
    EventKind,
    NotChecked,
    OutcomeKind,
    ProgramWarning,
    Unchecked,
)
from reproaudit.trace.reader import TENSOR_KINDS
from reproaudit.trace.runs import Run

_COUNTED_ALWAYS = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
_PERMUTED = (
    "optimizers, parameters or losses come in another order from run to run, as those of a set do"
    "{}, without consequence: each of them has the same contents"
)
_PERMUTED_OUTPUTS = (
    "batches or outputs come in another order from run to run, as those of threads do, without "
    "consequence: each of them has the same contents"
)


@dataclass(frozen=True, slots=True)
class BoundaryComparison:
    """What comparing the boundary tensors of several runs gave. Classes hold numbers of runs."""

    classes: tuple[tuple[int, ...], ...]
    compared: int  # deciding tensors per run, of the run with the fewest
    counts: tuple[tuple[str, int], ...]
    tables: Tables
    not_checked: tuple[NotChecked, ...]
    warnings: tuple[ProgramWarning, ...] = ()
    ignored: int = 0  # tensors per run that were left out because a pattern names them
    # Runs of one class differ in tensors that decide nothing, and not in their order alone.
    has_harmless_differences: bool = False


def compare_boundaries(runs: Sequence[Run], interned: Interned) -> BoundaryComparison:
    """Group the runs into classes of equal deciding tensors, in order of first appearance.

    Each run's table is made and let go of again: what is kept of it does not grow with the run.
    """
    tables = Tables(tuple(runs), interned)
    return compare_tables(tables, [sketch(table) for table in tables])


def compare_tables(tables: Tables, sketches: Sequence[Sketch]) -> BoundaryComparison:
    """Compare the runs of tables whose sketches, one per run, have been made."""
    runs, interned = tables.runs, tables.interned
    notes: list[NotChecked] = []
    stopped = any(run.outcome.kind == OutcomeKind.STOPPED for run in runs)
    if stopped and len({one.threaded for one in sketches}) > 1:
        # Where the other threads stood when the audit stopped the program is chance, not the
        # program's doing.
        tables = tables.without_threads()
        sketches = [sketch(table) for table in tables]
        notes.append(
            NotChecked(
                Unchecked.THREADS_STOPPED,
                "tensors of threads other than the main one",
                "the audit stopped them at different points",
            )
        )
    blind = max((one.undigested for one in sketches), default=0)
    if blind:
        notes.append(
            NotChecked(
                Unchecked.NO_BYTES,
                f"{blind} boundary tensors per run",
                "they have no bytes that could be digested",
            )
        )
    ignored = [
        max((one.ignored[number] for one in sketches), default=0)
        for number in range(len(interned.ignored))
    ]
    ignored_notes, warnings = _report_ignored(interned.ignored, ignored)
    notes += ignored_notes
    classes = _group_equal(runs, sketches)
    has_harmless_differences = False
    if len(classes) > 1:
        tables = tables.identified()
        by_content = _group_permuted(runs, tables, classes)
        if len(by_content) < len(classes):
            a, b = _find_united(classes, by_content)
            positions = [run.index for run in runs]
            at, other = positions.index(a), positions.index(b)
            warnings = (*warnings, _warn_of_order(runs[at], tables[at], tables[other]))
            classes = by_content
    elif len({one.contents for one in sketches}) > 1:
        identified = tables.identified()
        if len({_digest_all(table) for table in identified}) == 1:
            tables = identified
            warnings = (*warnings, ProgramWarning(_PERMUTED_OUTPUTS))
        else:
            has_harmless_differences = True
    return BoundaryComparison(
        classes=classes,
        compared=min((one.decided for one in sketches), default=0),
        counts=_count_kinds(sketches) if sketches else (),
        tables=tables,
        not_checked=tuple(notes),
        warnings=warnings,
        ignored=sum(ignored),
        has_harmless_differences=has_harmless_differences,
    )


def _group_equal(runs: Sequence[Run], sketches: Sequence[Sketch]) -> tuple[tuple[int, ...], ...]:
    """Group the numbers of the runs whose deciding tensors are equal."""
    groups: dict[bytes, list[int]] = {}
    for run, one in zip(runs, sketches, strict=True):
        groups.setdefault(one.deciding, []).append(run.index)
    return tuple(tuple(group) for group in groups.values())


def _group_permuted(
    runs: Sequence[Run], tables: Sequence[Table], classes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], ...]:
    """Unite the classes whose tensors are the same ones in another order."""
    positions = {run.index: position for position, run in enumerate(runs)}
    united: dict[bytes, list[int]] = {}
    for group in classes:
        table = tables[positions[group[0]]]
        identities = table.identities
        assert identities is not None
        decides = table.deciding & identities.certain
        if not (decides & (table.kinds == EventKind.PARAMETER)).any():
            return classes  # nothing would show that the order has no consequence
        contents = digest_contents(identities.contents[decides])
        united.setdefault(contents, []).extend(group)
    groups = (tuple(sorted(group)) for group in united.values())
    return tuple(sorted(groups))


def _digest_all(table: Table) -> bytes:
    assert table.identities is not None
    return digest_contents(table.identities.contents)


def _find_united(
    classes: tuple[tuple[int, ...], ...], united: tuple[tuple[int, ...], ...]
) -> tuple[int, int]:
    """Return a run of each of two classes that became one."""
    for group in united:
        parts = [one[0] for one in classes if one[0] in group]
        if len(parts) > 1:
            return parts[0], parts[1]
    raise ValueError("no two classes were united")


def _warn_of_order(run: Run, table: Table, other: Table) -> ProgramWarning:
    """Return the warning that names what first comes in another order, and its line."""
    here = dict(zip(table.keys.tolist(), map(tuple, table.digests.tolist()), strict=True))
    there = dict(zip(other.keys.tolist(), map(tuple, other.digests.tolist()), strict=True))
    moved = [n for n, key in enumerate(table.keys.tolist()) if here[key] != there.get(key)]
    if not moved:
        return ProgramWarning(_PERMUTED.format(""))
    first = min(moved, key=lambda row: int(table.events[row]))
    trace = run.trace_of(table.labels[table.processes[first]])
    event = trace.tensor(int(table.events[first]))
    kind = event.kind.name.lower()
    said = f" (first the {kind} {event.name} of step {event.step}"
    place = event.known_location
    if place is not None:
        said += f", {place}"
    return ProgramWarning(_PERMUTED.format(f"{said})"), location=place)


def _count_kinds(sketches: Sequence[Sketch]) -> tuple[tuple[str, int], ...]:
    """Return how many tensors of each kind every run has: runs may be of different lengths."""
    counts = []
    for number, kind in enumerate(TENSOR_KINDS):
        count = min(one.kinds[number] for one in sketches)
        if count or kind in _COUNTED_ALWAYS:
            counts.append((kind.name.lower(), count))
    return tuple(counts)


def _report_ignored(
    ignored: Sequence[Ignored], counts: Sequence[int]
) -> tuple[list[NotChecked], tuple[ProgramWarning, ...]]:
    """Say what was left out and why; warn of a pattern that names nothing: it may be mistyped."""
    notes = []
    warnings = []
    for one, count in zip(ignored, counts, strict=True):
        pattern = one.pattern.text
        if count:
            tensors = "tensors" if count > 1 else "tensor"
            what = f"{pattern} ({count} {tensors} per run)"
            notes.append(NotChecked(Unchecked.IGNORED, what, f"ignored: {one.reason}"))
        else:
            message = f"the pattern {pattern!r} is to be ignored, but matches no tensor"
            warnings.append(ProgramWarning(message))
    return notes, tuple(warnings)
