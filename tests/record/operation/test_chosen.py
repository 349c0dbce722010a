"""Which calls are chosen: those whose values are wanted, and those that are pinned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reproaudit.config.plan import Pin, Target
from reproaudit.model.events import EventFlag, Level, Phase
from reproaudit.record.state import rng
from tests.record.recording import notes, operations, record


def test_one_call_may_be_pinned_and_have_its_values_kept(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        return torch.full((2,), 3.0)

    (op,) = operations(record(tmp_path, program)[0], "aten::full")
    path, line, phase = op.location.path, op.location.line, int(op.phase)
    target = Target(
        name=op.name,
        location_path=path,
        location_line=line,
        phase=phase,
        step=0,
        occurrence=0,
    )
    chosen = {"targets": (target,), "pins": (Pin(op.name, path, line, phase),)}
    trace, _ = record(tmp_path, program, Level.VALUES, values_mb=1, **chosen)
    (found,) = operations(trace, "aten::full")
    assert found.flags & EventFlag.PINNED
    assert found.flags & EventFlag.KEPT
    value = trace.values(found.number)[0]
    assert np.frombuffer(value.data, np.float32).tolist() == [3.0, 3.0]


def test_calls_of_other_lines_are_not_chosen(tmp_path: Path) -> None:
    def program() -> None:
        torch.full((2,), 3.0)
        torch.full((2,), 3.0)

    first, _ = operations(record(tmp_path, program)[0], "aten::full")
    pin = Pin(first.name, first.location.path, first.location.line, int(first.phase))
    trace, _ = record(tmp_path, program, Level.VALUES, pins=(pin,), values_mb=1)
    pinned = [bool(op.flags & EventFlag.PINNED) for op in operations(trace, "aten::full")]
    assert pinned == [True, False]


def test_the_values_of_an_op_inside_a_capture_are_noted_as_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, name = torch.ones(3), "aten::mul.Tensor"

    def program() -> torch.Tensor:
        monkeypatch.setattr(rng, "is_capturing", lambda: True)
        return x * 2

    line = program.__code__.co_firstlineno + 2
    target = Target(name, Path(__file__).name, line, int(Phase.DATA), 0, 0)
    trace, _ = record(tmp_path, program, Level.VALUES, targets=(target,), values_mb=1)
    assert [note.what for note in notes(trace)] == [f"values of {name} inside CUDA graph capture"]
