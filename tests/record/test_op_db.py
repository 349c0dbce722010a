"""Recording crashes on nothing and changes no bit: PyTorch's own op_db, and oddities beyond its samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.model import Level, OutcomeKind
from reproaudit.model import Outcome as Ending
from reproaudit.plan import RunPlan, SubjectKind, SubjectSpec
from reproaudit.record.install import Installation
from tests.record.oddities import ODDITIES
from tests.record.op_db_report import render
from tests.record.op_db_sweep import op_db, sweep
from tests.record.outcome import capture, differing

REPORT = Path(__file__).parents[2] / "reports" / "accuracy" / "op_db.json"
SLICES = 8
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
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("part", range(SLICES))
def test_recording_changes_no_result_of_op_db_and_records_equal_runs_alike(part: int) -> None:
    known = {row["call"] for row in json.loads(REPORT.read_text())["changed_by_any_dispatch_mode"]}
    ops = op_db[part::SLICES]
    found = sweep(ops, limit=3)
    assert found.failures == []
    assert found.false_alarms == []
    assert {label for label, _ in found.by_any_mode} <= known
    assert len(found.ops) >= len(ops) - 3  # three ops support no dtype without CUDA
    assert found.counts["gradients compared"] > 100


def test_the_committed_page_shows_the_committed_sweep_and_that_found_nothing() -> None:
    document = json.loads(REPORT.read_text())
    assert REPORT.with_suffix(".md").read_text() == render(document)
    assert document["failures"] == document["false_alarms"] == []
    assert document["ops"] >= 699


@pytest.mark.seeded
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ODDITIES)
def test_recording_changes_no_bit_of(name: str, mode: str, tmp_path: Path) -> None:
    def program() -> Any:
        return ODDITIES[name]()

    @contextmanager
    def watch() -> Iterator[None]:
        subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")
        plan = RunPlan(tmp_path / "trace", subject, **MODES[mode])
        installation = Installation(plan, str(plan.trace_dir))
        try:
            yield
        finally:
            installation.remove()
            installation.recorder.finish(Ending(OutcomeKind.COMPLETED, 0))

    capture(program, ())  # imports and caches that warn once
    plain = capture(program, ())
    recorded = capture(program, (), watch=watch)
    assert {part: getattr(recorded, part) for part in differing(plain, recorded)} == {}
    assert plain.raised.startswith("RuntimeError") == (name == "raises_inside"), plain.raised
    assert (tmp_path / "trace" / "run.json").exists()
