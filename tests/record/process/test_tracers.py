"""A tracer or profiler that sees the recorder is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reproaudit.model.events import Level, Unchecked
from reproaudit.record.process import tracers
from reproaudit.record.process.tracers import TracerWatch


class _Notes(list[Unchecked]):
    def note(self, code: Unchecked, what: str, why: str) -> None:
        self.append(code)


def look(level: Level = Level.BOUNDARY) -> list[Unchecked]:
    notes = _Notes()
    recorder: Any = SimpleNamespace(plan=SimpleNamespace(level=level), writer=notes)
    watch = TracerWatch(recorder)
    watch.look()
    watch.look()
    return notes


@pytest.fixture(autouse=True)
def no_tracer_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    # A run of the suite may measure its own coverage.
    monkeypatch.setattr(tracers, "_gettrace", lambda: None)
    monkeypatch.setattr(tracers, "_get_tool", None)


def test_a_program_without_a_profiler_has_no_note() -> None:
    assert look(Level.OPERATION) == []


def test_a_profile_of_python_is_noted_once() -> None:
    before = sys.getprofile()
    sys.setprofile(lambda *event: None)
    try:
        noted = look()
    finally:
        sys.setprofile(before)
    assert noted == [Unchecked.SEEN_BY_PROFILES]


def test_a_tracer_is_noted_unless_it_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def trace(*event: Any) -> None:
        return None

    monkeypatch.setattr(tracers, "_gettrace", lambda: trace)
    assert look() == [Unchecked.SEEN_BY_PROFILES]
    trace.__module__ = "reproaudit.record.lines.line_trace"
    assert look() == []


def test_a_tool_that_monitors_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    names: Callable[[int], str | None] = {2: "cProfile"}.get
    monkeypatch.setattr(tracers, "_get_tool", names)
    assert look() == [Unchecked.SEEN_BY_PROFILES]


def test_operators_that_a_profile_counts_twice_are_noted_where_they_are_recorded(
    tmp_path: Path,
) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        assert look(Level.BOUNDARY) == []
        assert look(Level.OPERATION) == [Unchecked.SEEN_BY_PROFILES]
