"""Two runs of an experiment tracker, compared by what it and we kept of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reproaudit.cli.manifest import check_run_options, show_comparison
from reproaudit.cli.tracked_tensors import BROKEN, TensorFacts, compare_tensors, word_fault
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.run_suspects import Area
from reproaudit.track.registry import require_tracker
from reproaudit.track.tracked_run import MANIFEST_FILE, READERS, TrackedRun

if TYPE_CHECKING:
    from reproaudit.manifest.facts import Fact, RunFacts
    from reproaudit.manifest.model import Manifest


# Of these a tracker notes a part of what a manifest holds, under names of its own.
_PARTIAL = frozenset({Area.CODE, Area.HARDWARE, Area.SYSTEM, Area.PYTHON})


def is_tracked(name: str) -> bool:
    """Return True for the name of a run in a tracker, such as "mlflow:RUN"."""
    return name.partition(":")[0] in READERS


def compare_tracked(options: argparse.Namespace) -> int:
    """Compare two tracked runs; return 0 if nothing differs and 1 if something does."""
    from reproaudit.manifest.compare import compare_runs
    from reproaudit.track.tracked_apart import read_runs

    check_run_options(options)
    tracker, names = _read_names(options.traces)
    require_tracker(tracker)
    first, second = read_runs(tracker, names)
    tensors = compare_tensors(first, second)
    before = list_tracked_facts(first, tensors[0])
    after = list_tracked_facts(second, tensors[1])
    return show_comparison(compare_runs(before, after), options.report)


def _read_names(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the tracker and the runs' names in it. Raises UsageError unless there are two of one
    tracker."""
    trackers = []
    names = []
    for word in words:
        tracker, _, name = word.partition(":")
        trackers.append(tracker)
        names.append(name)
    if len(words) != 2 or len(set(trackers)) != 1 or not is_tracked(words[0]):
        raise UsageError(
            "two runs of one tracker are compared with each other, and with nothing else",
            code="usage",
            hint=f"name both alike, such as {words[0]}; {did_you_mean('', READERS)}",
        )
    if not all(names):
        raise UsageError(
            f"{trackers[0]}: names no run", code="usage", hint=f"write {trackers[0]}:RUN"
        )
    return trackers[0], tuple(names)


def list_tracked_facts(run: TrackedRun, tensors: TensorFacts) -> RunFacts:
    """Return what is known of a run: by the manifest beside it, else by the tracker's own notes."""
    from reproaudit.manifest.facts import RunFacts, collect_values, list_manifest_facts

    faults = list(run.faults)
    manifest = _read_manifest(run, faults)
    facts = list(_list_own_facts(run))
    areas = {Area.PARAMETER, Area.METRIC, Area.ARTIFACT, Area.TAG}
    if manifest is None:
        noted = list(_list_noted_facts(run))
        areas |= {area for area, _, value in noted if value}
        # What the program itself logged wins over its arguments.
        known = {**collect_values(noted), **collect_values(facts)}
        partial = _PARTIAL if run.lists_all_packages else _PARTIAL | {Area.PACKAGE}
    else:
        made = list_manifest_facts(manifest, run.label)
        areas |= made.areas
        faults += made.faults
        known = {**made.values, **collect_values(facts)}
        partial = frozenset()
    faults += tensors.faults
    if tensors.facts is not None:
        areas.add(Area.TENSOR)
        known |= collect_values(tensors.facts)
    return RunFacts(run.label, known, frozenset(areas), faults=tuple(faults), partial=partial)


def _list_own_facts(run: TrackedRun) -> Iterator[Fact]:
    """Yield what a tracker alone knows."""
    yield from ((Area.PARAMETER, name, value) for name, value in run.params)
    yield from ((Area.TAG, name, value) for name, value in run.tags)
    yield from ((Area.METRIC, name, value) for name, value in run.metrics)
    yield from ((Area.ARTIFACT, name, value) for name, value in run.artifacts)


def _list_noted_facts(run: TrackedRun) -> Iterator[Fact]:
    """Yield what a tracker notes of its own accord, where there is no manifest."""
    from reproaudit.manifest.facts import list_arguments, split_patch

    yield Area.CODE, "commit", run.commit
    for path, section in split_patch(run.patch).items():
        yield Area.CHANGE, path, section
    yield from ((Area.PACKAGE, name, version) for name, version in run.packages)
    yield from ((Area.HARDWARE, name, value) for name, value in run.hardware)
    yield from ((Area.SYSTEM, name, value) for name, value in run.system)
    yield Area.PYTHON, "version", run.python
    yield Area.CODE, "program", run.program
    yield from list_arguments(run.arguments)


def _read_manifest(run: TrackedRun, faults: list[str]) -> Manifest | None:
    from reproaudit.manifest.document import from_json

    try:
        content = run.find_kept(MANIFEST_FILE)
        return from_json(content.decode("utf-8", "replace"), MANIFEST_FILE) if content else None
    except BROKEN as error:
        faults.append(f"its manifest was not read: {word_fault(error)}")
        return None
