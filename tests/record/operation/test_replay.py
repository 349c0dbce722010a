"""Repeating one op: what counts as evidence, and what runs beside it on a device. The GPU's own
tests are marked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from reproaudit.record.operation import replay
from reproaudit.record.operation.opinfo import describe_op
from reproaudit.record.operation.replay import Rerun, can_rerun
from reproaudit.trace.words import ReplayWay

MM = describe_op(torch.ops.aten.mm.default)
WORKSPACE = (
    "Deterministic behavior was enabled, but this operation uses CuBLAS: "
    "set CUBLAS_WORKSPACE_CONFIG=:4096:8"
)
REFUSED = (
    "mm_cuda does not have a deterministic implementation, but you set "
    "torch.use_deterministic_algorithms(True)"
)


class Counted:
    """A product that is another one at each call whose number is among `differing`; raises `error`
    under the flag."""

    def __init__(self, differing: Callable[[int], bool], error: str = "") -> None:
        self._differing, self._error = differing, error
        self.calls = 0

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if self._error and torch.are_deterministic_algorithms_enabled():
            raise RuntimeError(self._error)
        self.calls += 1
        return a.mm(b).add_(self.calls if self._differing(self.calls) else 0)


def repeated(func: Any) -> dict[ReplayWay, replay.Repetitions]:
    args = (torch.ones(2, 2), torch.ones(2, 2))
    return {
        found.way: found
        for found in Rerun(func, args, {}, MM).repeat_all_ways([args[0].mm(args[1])])
    }


def test_a_flag_that_is_refused_is_told_from_cublas_asking_for_a_workspace() -> None:
    refused, asked = (
        repeated(Counted(lambda number: number % 2 == 0, text)) for text in (REFUSED, WORKSPACE)
    )
    assert refused[ReplayWay.FLAG].made == 0
    assert ReplayWay.FLAG not in asked
    assert asked[ReplayWay.PLAIN].differing > 0


def test_a_deterministic_form_that_finds_no_memory_is_no_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(self: Counted, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if torch.are_deterministic_algorithms_enabled():
            raise torch.cuda.OutOfMemoryError("there is no memory left")
        return plain(self, a, b)

    plain = Counted.__call__
    monkeypatch.setattr(Counted, "__call__", full)
    assert ReplayWay.FLAG not in repeated(Counted(lambda number: number % 2 == 0))
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pretend that the op runs on a device; return what is done to the load beside it."""
    done: list[str] = []

    class Load:
        def __init__(self, device: torch.device) -> None:
            done.append(str(device))

        def __enter__(self) -> Load:
            return self

        def __exit__(self, *error: object) -> None:
            done.append("over")

        def last(self, op_ms: float) -> None:
            done.append("lasts" if op_ms > 0 else "lasts no time")

        def queue(self) -> None:
            done.append("queue")

    monkeypatch.setattr(replay, "device_of_call", lambda *values: torch.device("cuda:0"))
    monkeypatch.setattr(replay, "DeviceLoad", Load)
    return done


def test_a_device_is_kept_busy_before_each_repetition_and_the_threads_stay_as_they_are(
    loads: list[str],
) -> None:
    threads = torch.get_num_threads()
    found = repeated(Counted(lambda number: number > 30))
    assert found[ReplayWay.PLAIN].differing == 0
    contention = found[ReplayWay.CONTENTION]
    assert contention.differing > 0
    assert loads == ["cuda:0", "lasts", *["queue"] * contention.made, "over"]
    assert torch.get_num_threads() == threads


def test_what_differs_without_load_is_not_repeated_beside_it(loads: list[str]) -> None:
    assert ReplayWay.CONTENTION not in repeated(Counted(lambda number: number % 2 == 0))
    assert loads == []


def test_a_full_device_leaves_the_question_open(
    loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(device: torch.device) -> None:
        raise torch.cuda.OutOfMemoryError("there is no memory left")

    monkeypatch.setattr(replay, "DeviceLoad", full)
    assert repeated(Counted(lambda number: False))[ReplayWay.CONTENTION].made == 0


def test_nothing_is_repeated_while_a_graph_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    args = (torch.ones(2, 2), torch.ones(2, 2))
    assert can_rerun(MM, args, {})
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert not can_rerun(MM, args, {})


def test_the_device_of_a_call_is_that_of_its_tensors_and_the_cpu_is_none() -> None:
    on_gpu: Any = SimpleNamespace(device=torch.device("cuda:1"))
    assert replay.device_of_call([torch.ones(1), torch.ones(1), 3, [on_gpu]]) is None


@pytest.mark.gpu
def test_atomic_additions_are_seen_to_differ_and_the_flag_to_repair_them() -> None:
    info = describe_op(torch.ops.aten.index_add_.default)
    generator = torch.Generator(device="cuda").manual_seed(0)
    source = torch.randn(200_000, 32, device="cuda", generator=generator)
    index = torch.randint(0, 50, (200_000,), device="cuda", generator=generator)
    args = (torch.zeros(50, 32, device="cuda"), 0, index, source)
    rerun = Rerun(torch.ops.aten.index_add_.default, args, {}, info)
    found = {
        way.way: way for way in rerun.repeat_all_ways([torch.ops.aten.index_add_.default(*args)])
    }
    assert found[ReplayWay.PLAIN].differing or found[ReplayWay.CONTENTION].differing
    assert found[ReplayWay.FLAG].made > 0
    assert found[ReplayWay.FLAG].differing == 0


@pytest.mark.seeded
def test_an_op_that_draws_from_a_stream_of_the_process_is_repeated_from_where_it_began() -> None:
    def noisy(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a.mm(b) + random.random() + np.random.rand() + torch.rand(())

    args = (torch.ones(2, 2), torch.ones(2, 2))
    rerun = Rerun(noisy, args, {}, replace(MM, name="extension::noisy.default"))
    first = noisy(*args)
    states = random.getstate(), torch.get_rng_state()
    found = rerun.repeat_all_ways([first])
    assert [one.differing for one in found if one.way is ReplayWay.PLAIN] == [0]
    # The program goes on as if nobody had repeated anything.
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
