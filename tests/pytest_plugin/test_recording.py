"""What the plugin records within this process, and how it leaves the random streams."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.pytest_plugin.recording import (
    note_carried_state,
    record_op_values,
    repetitions_from_here,
)

HERE = Path(__file__)


def draw_in_repetitions(folder: Path, *, seed: int | None) -> list[float]:
    """Return the first draw in each of two repetitions."""
    subject = SubjectSpec(SubjectKind.ATTRIBUTE, HERE.parent, path=HERE.name, attribute="step")
    record = repetitions_from_here(seed)
    drawn = []
    for number in range(2):
        with record(RunPlan(folder / f"run-{number}", subject)):
            drawn.append(random.random())
    return drawn


def test_repetitions_start_from_the_streams_of_the_moment_unless_they_are_seeded(
    tmp_path: Path,
) -> None:
    before = random.getstate()
    expected = random.random()
    random.setstate(before)
    assert draw_in_repetitions(tmp_path / "unseeded", seed=None) == [expected, expected]
    seeded = draw_in_repetitions(tmp_path / "seeded", seed=7)
    assert seeded == [random.Random(7).random()] * 2
    assert random.getstate() == before


def test_each_device_s_call_starts_from_equal_streams_which_are_put_back() -> None:
    devices = []
    drawn = []

    def step(device: str) -> torch.Tensor:
        devices.append(device)
        drawn.append(random.random())
        return torch.ones(2).add(1)

    before = random.getstate()
    first, second = record_op_values(step, ("cpu", "meta"), HERE.parent, 7)
    assert devices == ["cpu", "meta"]
    assert drawn == [random.Random(7).random()] * 2
    assert random.getstate() == before
    assert [row.op for row in first] == [row.op for row in second]
    assert first[-1].op == "aten::add.Tensor"
    assert first[-1].location is not None
    assert first[-1].location.path == HERE.name


def test_a_note_on_carried_state_names_both_ops_and_their_lines() -> None:
    total = torch.zeros(3)

    def step() -> None:
        total.add_(1)

    place = f"{HERE.name}:{step.__code__.co_firstlineno + 1}"
    (note,) = note_carried_state(step, HERE.parent)
    reader, _, writer = note.partition(" reads what ")
    assert reader.startswith(f"aten::add_.Tensor at {place}")
    assert writer.startswith(f"aten::add_.Tensor at {place}")
    assert writer.endswith(" wrote one repetition earlier")
