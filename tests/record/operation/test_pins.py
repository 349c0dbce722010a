"""Pinned calls: kept in a reference run, given to later ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from reproaudit.config.plan import Pin
from reproaudit.model.events import EventFlag, Level
from reproaudit.trace.reader import Trace
from tests.record.recording import operations, record

CONTENT = [0.0]


def program() -> list[float]:
    """Compute twice at one line from an input that the test changes between runs, and go on from
    it."""
    total = torch.zeros(3)
    for factor in (1.0, 2.0):
        made = torch.full((3,), CONTENT[0] * factor).add(1.0)
        total = total.add(made, alpha=2)
    return total.tolist()


def pin_of(trace: Trace, name: str) -> Pin:
    op = operations(trace, name)[0]
    return Pin(op.name, op.location.path, op.location.line, int(op.phase))


def record_with(folder: Path, content: float, **changes: Any) -> tuple[Trace, Any]:
    CONTENT[0] = content
    return record(folder, program, **changes)


def test_pinned_calls_give_the_reference_s_outputs_call_by_call(tmp_path: Path) -> None:
    trace, _ = record_with(tmp_path, 0.0)
    pins = (pin_of(trace, "aten::full"),)
    reference, kept = record_with(tmp_path, 3.0, level=Level.VALUES, pins=pins, values_mb=1)
    pinned, given = record_with(tmp_path, 5.0, pins=pins, reference=str(tmp_path / "trace-1"))
    assert kept == given == [2 * 4.0 + 2 * 7.0] * 3
    kept_outputs = [op.outputs for op in operations(reference)]
    assert [op.outputs for op in operations(pinned)] == kept_outputs
    assert len(list(pinned.operations(EventFlag.PINNED))) == 2


def test_without_a_pin_the_same_program_differs(tmp_path: Path) -> None:
    assert record_with(tmp_path, 3.0)[1] != record_with(tmp_path, 5.0)[1]


def test_a_reference_run_computes_what_the_program_computes(tmp_path: Path) -> None:
    trace, plain = record_with(tmp_path, 3.0)
    _, kept = record_with(
        tmp_path, 3.0, level=Level.VALUES, pins=(pin_of(trace, "aten::full"),), values_mb=1
    )
    assert kept == plain


def test_calls_past_those_of_the_reference_keep_their_own_and_the_run_says_so(
    tmp_path: Path,
) -> None:
    def repeated() -> list[float]:
        return [torch.full((1,), CONTENT[0]).item() for _ in range(int(CONTENT[0]))]

    CONTENT[0] = 1.0
    trace, _ = record(tmp_path, repeated)
    pins = (pin_of(trace, "aten::full"),)
    record(tmp_path, repeated, level=Level.VALUES, pins=pins, values_mb=1)
    CONTENT[0] = 2.0
    pinned, given = record(tmp_path, repeated, pins=pins, reference=str(tmp_path / "trace-1"))
    assert given == [1.0, 2.0]
    assert any("kept no outputs" in note.why for note in pinned.notes)


def test_pinned_memory_that_nobody_wrote_is_zeros(tmp_path: Path) -> None:
    def undefined() -> list[float]:
        torch.full((64,), 7.0).sum()  # freed: its memory is likely to be the next that is given out
        return (torch.empty(64) + 1.0).tolist()

    trace, _ = record(tmp_path, undefined)
    _, cleared = record(
        tmp_path, undefined, level=Level.VALUES, pins=(pin_of(trace, "aten::empty"),), values_mb=1
    )
    assert cleared == [1.0] * 64


def test_an_op_that_overwrites_its_input_is_repeated_on_what_it_was(tmp_path: Path) -> None:
    from reproaudit.config.plan import Target

    def program() -> list[float]:
        return torch.ones(3).add_(1.0).tolist()

    trace, _ = record(tmp_path, program)
    pin = pin_of(trace, "aten::add_")
    target = Target(
        name=pin.name,
        location_path=pin.location_path,
        location_line=pin.location_line,
        phase=pin.phase,
        step=0,
        occurrence=0,
    )
    values, result = record(tmp_path, program, level=Level.VALUES, targets=(target,), values_mb=1)
    assert result == [2.0] * 3
    replay = next(values.replays())
    assert (replay.made, replay.differing) == (20, 0)
    assert values.op(replay.repeated).flags & EventFlag.REPLAYED
    output = values.values(replay.repeated)[0]
    assert np.frombuffer(output.data, np.float32).tolist() == [2.0] * 3
