"""The recorder is out of the program's sight, and fails alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from reproaudit.model.events import EventKind, Level, Unchecked
from tests.record.recording import names, notes, record

pytestmark = pytest.mark.seeded
LEVELS = pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])


class _NoItems(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class _Strange(torch.nn.Module):
    """Answers none of the questions that a recorder may ask."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 2)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def forward(self, inputs: torch.Tensor) -> Any:
        return _NoItems(value=self.inner(inputs))

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        raise RuntimeError("no modules")


def _train(module: Callable[..., Any], parameters: Any) -> None:
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(2):
        output = module(torch.ones(1, 2))
        if isinstance(output, dict):
            output = dict.__getitem__(output, "value")
        optimizer.zero_grad()
        torch.autograd.backward(output.sum())
        optimizer.step()


@LEVELS
def test_an_object_that_answers_nothing_is_noted_and_the_rest_is_compared(
    tmp_path: Path, level: Level
) -> None:
    strange = _Strange()
    trace, _ = record(tmp_path, lambda: _train(strange, strange.inner.parameters()), level)
    said = [note for note in notes(trace) if note.code is Unchecked.RECORDING_FAILED]
    assert [note.what for note in said] == ["output _Strange.output"]
    assert "no items" in said[0].why
    assert "inner.weight" in names(trace, EventKind.PARAMETER)
    assert "_Strange.input" in names(trace, EventKind.BATCH)


@LEVELS
def test_the_recorder_keeps_its_own_functions_when_the_program_replaces_them(
    tmp_path: Path, level: Level
) -> None:
    def program() -> None:
        def refuse(*args: Any) -> Any:
            raise RuntimeError("replaced")

        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((os.path, "join"), (os.path, "realpath"), (threading, "get_ident")):
                patch.setattr(owner, name, refuse)
            module = torch.nn.Linear(2, 2)
            _train(module, module.parameters())

    trace, _ = record(tmp_path, program, level)
    assert notes(trace) == []
    assert "weight" in names(trace, EventKind.PARAMETER)


@LEVELS
def test_a_function_mode_of_the_program_does_not_see_the_recorder(
    tmp_path: Path, level: Level
) -> None:
    class Counting(TorchFunctionMode):
        calls = 0

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.calls += 1
            return func(*args, **(kwargs or {}))

    def program() -> int:
        with Counting() as counting:
            module = torch.nn.Linear(2, 2)
            _train(module, module.parameters())
        return counting.calls

    plain = program()
    _, recorded = record(tmp_path, program, level)
    assert recorded == plain


@LEVELS
def test_a_subclass_of_the_program_is_not_asked_by_the_recorder(
    tmp_path: Path, level: Level
) -> None:
    class Counting(torch.Tensor):
        calls = 0

        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            cls.calls += 1
            return super().__torch_function__(func, types, args, kwargs or {})

    def program() -> int:
        Counting.calls = 0
        layer = torch.nn.Linear(2, 2)
        _train(lambda x: layer(x.as_subclass(Counting)), layer.parameters())
        return Counting.calls

    plain = program()
    trace, recorded = record(tmp_path, program, level)
    assert recorded == plain
    assert notes(trace) == []


def test_a_profile_of_the_program_does_not_show_the_recorder(tmp_path: Path) -> None:
    def program() -> list[str]:
        with torch.profiler.profile() as profile:
            module = torch.nn.Linear(2, 2)
            # A strided input is copied for its digest.
            module(torch.ones(4, 4)[::2, ::2])
        return [event.name for event in profile.events()]

    plain = program()
    _, recorded = record(tmp_path, program, Level.BOUNDARY)
    assert recorded == plain


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.* is deprecated:DeprecationWarning")
def test_tracing_a_module_warns_of_nothing_that_the_recorder_does(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        module = torch.nn.Linear(2, 2)
        traced = torch.jit.trace(module, torch.ones(1, 2))
        result: torch.Tensor = traced(torch.ones(1, 2))
        return result

    trace, result = record(tmp_path, program, Level.BOUNDARY, values_mb=1)
    assert result.shape == (1, 2)
    assert notes(trace) == []
