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
from reproaudit.record.operation import dispatch
from tests.record.recording import names, notes, record

pytestmark = pytest.mark.seeded
LEVELS = pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])


class _NoItems(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class _Refusal(RuntimeError):
    def __str__(self) -> str:
        raise RuntimeError("no message")


class _NoHash(torch.optim.SGD):
    """An optimizer that is compared and hashed by code that fails."""

    def __eq__(self, other: object) -> bool:
        raise _Refusal

    def __hash__(self) -> int:
        raise _Refusal


class _Opaque(torch.Tensor):
    """Computes, and tells nothing about itself."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in ("__get__", "data_ptr", "stride", "is_contiguous", "numel"):
            raise _Refusal
        return super().__torch_function__(func, types, args, kwargs or {})


class _Number(int):
    def __repr__(self) -> str:
        raise _Refusal


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
def test_an_optimizer_that_cannot_be_hashed_steps_and_is_recorded(
    tmp_path: Path, level: Level
) -> None:
    def program() -> list[float]:
        layer = torch.nn.Linear(2, 1)
        optimizer = _NoHash(layer.parameters(), lr=0.1)
        for _ in range(2):
            layer(torch.ones(1, 2)).sum().backward()
            optimizer.step()
        return layer.weight.tolist()  # type: ignore[no-any-return]

    trace, _ = record(tmp_path, program, level)
    assert names(trace, EventKind.PARAMETER).count("weight") == 2


def test_an_operator_on_a_tensor_that_tells_nothing_is_run_and_noted(tmp_path: Path) -> None:
    def program() -> Any:
        opaque = torch.ones(3).as_subclass(_Opaque)
        return torch.add(opaque, 1).as_subclass(torch.Tensor)

    _, result = record(tmp_path, program)
    assert result.tolist() == [2, 2, 2]


def test_an_operator_whose_recording_fails_is_run_once_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise _Refusal

    def program() -> Any:
        total = torch.zeros(2)
        for name in ("tensors_read", "tensors_written"):
            with monkeypatch.context() as patch:
                patch.setattr(dispatch, name, refuse)
                total.add_(1)
        return total

    trace, result = record(tmp_path, program)
    assert result.tolist() == [2, 2]
    (said,) = (note.why for note in notes(trace) if note.what.startswith("calls of aten::add_"))
    assert said.endswith("_Refusal without a message that can be read")


def test_a_seed_that_cannot_be_shown_seeds_and_is_noted(tmp_path: Path) -> None:
    def program() -> Any:
        torch.manual_seed(_Number(3))
        return torch.rand(2)

    trace, result = record(tmp_path, program)
    torch.manual_seed(3)
    assert torch.equal(result, torch.rand(2))
    assert [note.what for note in notes(trace)] == ["torch.manual_seed"]


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
