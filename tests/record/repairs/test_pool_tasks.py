"""Whether a task of a process pool draws the same in whichever worker it comes to run."""

from __future__ import annotations

import pickle
import random
import sys
from types import ModuleType
from typing import Any

import pytest

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach, pool_tasks
from reproaudit.record.repairs.pool_tasks import SeededTask, install


class BatchedCalls:
    """As in joblib: what one worker is sent at once."""

    def __init__(self, items: Any, backend: str) -> None:
        self.items = list(items)
        self.backend = backend

    def __call__(self) -> list[Any]:
        return [function(*given, **named) for function, given, named in self.items]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    module = ModuleType("joblib.parallel")
    made: type[Any] = type("BatchedCalls", (BatchedCalls,), {})
    vars(module)["BatchedCalls"] = made
    monkeypatch.setitem(sys.modules, "joblib.parallel", module)
    return made


def draw(size: int, offset: float = 0.0) -> list[float]:
    return [random.random() + offset for _ in range(size)]


@pytest.mark.seeded
def test_in_another_process_a_task_draws_by_its_number(
    calls: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = Patches()
    install(Reach(patches, lambda depth: True, lambda name, act: act(), lambda act: None))
    try:
        first = calls([(draw, (1,), {}), (draw, (1,), {"offset": 2.0})], "loky")
        second = calls([(draw, (1,), {})], "loky")
    finally:
        patches.undo()
    monkeypatch.setattr(pool_tasks, "_getpid", lambda: 0)  # as it is in the worker
    (one, _), (other,) = first(), second()
    again = second()
    assert again == [other]
    assert one != other
    assert calls([(draw, (1,), {})], "loky").items[0][0] is draw


def test_in_a_thread_of_the_program_its_streams_are_left_alone() -> None:
    state = random.getstate()
    SeededTask(len, 3)([])
    assert random.getstate() == state


def test_a_task_can_be_sent() -> None:
    sent = pickle.loads(pickle.dumps(SeededTask(len, 3)))
    assert sent([1, 2]) == 2
