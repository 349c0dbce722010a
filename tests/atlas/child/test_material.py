"""The calls of a group, and why there are none."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import LARGE_ELEMENTS, Cell
from reproaudit.atlas.child import material
from reproaudit.atlas.child.enlarge import Enlarged
from reproaudit.atlas.child.opdb import Call, Group

pytestmark = pytest.mark.seeded
CELL = Cell(device="cpu", op="op", dtype="float32", size="large", threads=1, phase="forward")


def make_group(size: str) -> Group:
    return Group(op=None, name="op", dtype=torch.float32, size=size, cells=(CELL,), weight=1)


def make_call(number: int) -> Call:
    return Call(torch.exp, (torch.rand(3, 4), (), {}), lambda result: result, number)


def test_samples_that_cannot_be_made_leave_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> list[Call]:
        raise ValueError("no such dtype")

    monkeypatch.setattr(material, "make_samples", fail)
    found = material.make_material(make_group("sample"), "cpu", 0.0)
    assert found.calls == []
    assert found.refusal == "its samples cannot be made: ValueError: no such dtype"


def test_the_first_samples_are_the_calls_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = [make_call(number) for number in range(30)]
    monkeypatch.setattr(material, "make_samples", lambda *_: calls)
    found = material.make_material(make_group("sample"), "cpu", 0.0)
    assert [call.sample for call in found.calls] == list(range(24))
    assert found.samples == 30


def test_the_first_form_of_each_sample_comes_before_the_second_of_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def enlarge(call: Call, *_: Any) -> Enlarged:
        forms = [replace(call, label=label) for label in ("one", "two")]
        return Enlarged(forms, LARGE_ELEMENTS)

    monkeypatch.setattr(material, "make_samples", lambda *_: [make_call(0), make_call(1)])
    monkeypatch.setattr(material, "enlarge", enlarge)
    found = material.make_material(make_group("large"), "cpu", time.monotonic() + 20)
    forms = [(call.sample, call.label) for call in found.calls]
    assert forms == [(0, "one"), (1, "one"), (0, "two"), (1, "two")]
    assert (found.samples, found.elements) == (2, LARGE_ELEMENTS)


def test_a_sample_is_enlarged_as_far_as_the_op_accepts_it() -> None:
    found = material.enlarge_sample(make_call(0), CELL, time.monotonic() + 20)
    assert found.elements >= LARGE_ELEMENTS
    assert max(call.operands[0].numel() for call in found.calls) == found.elements
