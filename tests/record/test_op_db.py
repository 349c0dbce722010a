"""Recording crashes on nothing and changes no bit: PyTorch's own op_db, and oddities beyond its
samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import EventKind, Level, OutcomeKind
from reproaudit.model.events import Outcome as Ending
from reproaudit.record.process.install import Installation
from reproaudit.trace.reader import Trace
from tests.record.oddities import ODDITIES, REFUSED, REFUSED_NUMBERS
from tests.record.op_db_report import render
from tests.record.outcome import FILLS, EmptyMode, capture, differing, fill_memory
from tests.record.recording import differing_events

REPORT = Path(__file__).parents[2] / "reports" / "accuracy" / "op_db.json"
SLICES = 8
# What a program never writes and leaves is what differs, and is told as that.
LEFT_UNWRITTEN = {"meta": ["weight", "bias"]}
MODES: dict[str, dict[str, Any]] = {
    "boundaries": {"level": Level.BOUNDARY, "values_mb": 1},
    "digests": {"level": Level.OPERATION},
    "alerts": {"level": Level.OPERATION, "alerts": True, "digests": False},
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.seeded
@pytest.mark.leaves(
    "sys-path", reason="setuptools, which a few ops import, adds a folder of its own"
)
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("part", range(0, SLICES, 2))  # every second op, for time
def test_recording_changes_no_result_of_op_db_and_records_equal_runs_alike(part: int) -> None:
    from tests.record.op_db_sweep import op_db, sweep  # seconds: op_db is made when it is imported

    document = json.loads(REPORT.read_text())
    known = {(row["call"], row["what"]) for row in document["changed_by_any_dispatch_mode"]}
    ops = op_db[part::SLICES]
    # The committed sweep has every sample.
    found = sweep(ops, limit=1)
    assert found.failures == []
    assert found.false_alarms == []
    assert set(found.by_any_mode) <= known
    assert len(found.ops) >= len(ops) - 3  # three ops support no dtype without CUDA
    assert found.counts["gradients compared"] > 100


def test_the_committed_page_shows_the_committed_sweep_and_that_found_nothing() -> None:
    document = json.loads(REPORT.read_text())
    assert REPORT.with_suffix(".md").read_text() == render(document)
    assert document["failures"] == document["false_alarms"] == []
    assert document["ops"] >= 699


@contextmanager
def recorder(folder: Path, mode: str) -> Iterator[None]:
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="train.py")
    plan = RunPlan(folder / "trace", subject, **MODES[mode])
    installation = Installation(plan, str(plan.trace_dir))
    try:
        yield
    finally:
        installation.remove()
        installation.recorder.finish(Ending(OutcomeKind.COMPLETED, 0))


@pytest.mark.seeded
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ODDITIES)
def test_recording_changes_no_bit_of(name: str, mode: str, tmp_path: Path) -> None:
    capture(ODDITIES[name], ())  # imports, and caches that warn once
    plain = capture(ODDITIES[name], ())
    recorded = capture(ODDITIES[name], (), watch=lambda: recorder(tmp_path, mode))
    changed = {part: getattr(recorded, part) for part in differing(plain, recorded)}
    assert changed == {}
    assert bool(plain.raised) == (name == "raises_inside"), plain.raised
    if mode == "digests":
        assert len(Trace.open(tmp_path / "trace").columns) > 0


@pytest.mark.seeded
@pytest.mark.parametrize("name", ODDITIES)
def test_two_recordings_are_equal_whatever_lies_in_fresh_memory_of(
    name: str, tmp_path: Path
) -> None:
    capture(ODDITIES[name], ())
    traces = []
    for byte in FILLS[:2]:
        folder = tmp_path / f"{byte}"
        fill_memory(byte)
        try:
            capture(ODDITIES[name], (), watch=partial(recorder, folder, "digests"))
        finally:
            fill_memory(0)
        traces.append(Trace.open(folder / "trace"))
    first, second = traces
    assert differing_events(first, second) == LEFT_UNWRITTEN.get(name, [])
    computed = [kind for kind in EventKind if kind is not EventKind.FINAL]
    assert differing_events(first, second, *computed) == []


@pytest.mark.seeded
@pytest.mark.parametrize("name", REFUSED)
def test_what_any_dispatch_mode_refuses_works_plainly_and_at_the_boundary_level(
    name: str, tmp_path: Path
) -> None:
    plain = capture(REFUSED[name], ())
    refused = capture(REFUSED[name], (), watch=EmptyMode)
    assert not plain.raised
    assert refused.raised
    assert (
        differing(plain, capture(REFUSED[name], (), watch=lambda: recorder(tmp_path, "boundaries")))
        == frozenset()
    )
    recorded = capture(
        REFUSED[name], (), watch=lambda: recorder(tmp_path / "operations", "digests")
    )
    assert recorded.raised == refused.raised


@pytest.mark.seeded
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", REFUSED_NUMBERS)
def test_a_number_that_any_dispatch_mode_refuses_is_taken_as_plainly(
    name: str, mode: str, tmp_path: Path
) -> None:
    plain = capture(REFUSED_NUMBERS[name], ())
    assert not plain.raised
    assert capture(REFUSED_NUMBERS[name], (), watch=EmptyMode).raised
    recorded = capture(REFUSED_NUMBERS[name], (), watch=lambda: recorder(tmp_path, mode))
    assert differing(plain, recorded) == frozenset()
