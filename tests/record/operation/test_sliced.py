"""Recording the slices of what operators read and write."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reproaudit.model.events import EventKind, Unchecked
from reproaudit.trace.slices import Slices
from tests.record.recording import differing_events, notes, operations, record


def test_each_operator_but_views_has_slices_of_what_it_read_and_wrote(tmp_path: Path) -> None:
    def program() -> None:
        rows = torch.ones(4, 3)
        torch.relu(rows.view(2, 6))

    trace, _ = record(tmp_path, program, slices_mb=1)
    slices = Slices(trace.directory)
    (relu,) = operations(trace, "aten::relu")
    call = slices.call(relu.number)
    assert call is not None
    assert [tensor.shape for tensor in (*call.inputs, *call.outputs)] == [(2, 6), (2, 6)]
    (view,) = operations(trace, "aten::view")
    assert slices.call(view.number) is None


def test_an_operator_in_place_read_what_was_there_before(tmp_path: Path) -> None:
    def program() -> None:
        torch.zeros(2).add_(1)

    trace, _ = record(tmp_path, program, slices_mb=1)
    (add,) = operations(trace, "aten::add_")
    call = Slices(trace.directory).call(add.number)
    assert call is not None
    assert call.inputs[0].whole != call.outputs[0].whole


@pytest.mark.seeded
def test_slices_change_neither_the_result_nor_the_record_of_operators(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        torch.manual_seed(0)
        rows = torch.randn(8, 5, requires_grad=True)
        torch.nn.functional.dropout(rows @ torch.randn(5, 3)).sum().backward()
        assert rows.grad is not None
        return rows.grad

    plain, gradient = record(tmp_path, program)
    sliced, same = record(tmp_path, program, slices_mb=1)
    assert torch.equal(gradient, same)
    assert differing_events(plain, sliced, EventKind.OP) == []


def test_what_is_past_the_budget_is_said(tmp_path: Path) -> None:
    def program() -> None:
        for number in range(8):
            torch.full((9000, 2), number)

    trace, _ = record(tmp_path, program, slices_mb=1)
    assert [note.code for note in notes(trace)] == [Unchecked.SLICES_NOT_KEPT]
    assert 0 < len(Slices(trace.directory).events) < 8


def test_without_being_asked_for_no_slices_are_written(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, lambda: torch.ones(2) + 1)
    assert Slices(trace.directory).events == ()
