"""Threads are numbered when they are started."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.threads import ThreadStarts


def test_the_recorder_hears_of_a_thread_before_it_runs() -> None:
    heard: list[str] = []
    recorder: Any = SimpleNamespace(expect_thread=lambda thread: heard.append("expected"))
    patches = Patches()
    ThreadStarts(recorder, patches)
    try:
        thread = threading.Thread(target=lambda: heard.append("ran"))
        thread.start()
        thread.join()
    finally:
        patches.undo()
    assert heard == ["expected", "ran"]


STARTS = """
def start_thread(thread):
    thread.start()
    return thread
def start_in_pool(pool):
    return pool.submit(int).result()
"""


@pytest.mark.parametrize(
    ("module", "is_expected"),
    [
        ("torch._inductor.async_compile", False),
        ("torch._dynamo.convert_frame", False),
        ("torch.utils.data.dataloader", True),
        ("__main__", True),
        (None, True),
    ],
)
def test_a_thread_that_the_compiler_starts_is_none_of_the_programs(
    module: str | None, is_expected: bool
) -> None:
    heard: list[threading.Thread] = []
    recorder: Any = SimpleNamespace(expect_thread=heard.append)
    names: dict[str, Any] = {"__name__": module}
    exec(STARTS, names)
    patches = Patches()
    ThreadStarts(recorder, patches)
    try:
        names["start_thread"](threading.Thread(target=int)).join()
        with ThreadPoolExecutor(1) as pool:
            names["start_in_pool"](pool)
    finally:
        patches.undo()
    assert len(heard) == (2 if is_expected else 0)
