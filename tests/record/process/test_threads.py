"""Threads are numbered when they are started."""

from __future__ import annotations

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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


LIBRARY = """
import importlib
import sys
import threading
class Refresher(threading.Thread):
    def __init__(self, shown):
        super().__init__(daemon=True)
        self.shown = shown
        self.done = threading.Event()
    def run(self):
        pass
def work(*args):
    pass
class Computing(Refresher):
    def run(self):
        self.compute()
    def compute(self):
        torch.ones(1)
"""


@pytest.mark.parametrize(
    ("imports", "start", "is_expected"),
    [
        ("", "Refresher(None)", False),
        ("", "threading.Thread(target=work, args=(3,))", False),
        ("", "Refresher(iter(given))", True),
        ("", "threading.Thread(target=work, args=(given,))", True),
        ("import torch", "Refresher(None)", False),
        ("import torch", "Computing(None)", True),
        ("import torch", "Refresher(Refresher(None))", True),
        ("from numpy import float32", "Refresher(Refresher(None))", True),
        ("", "threading.Thread(target=print)", True),
    ],
)
def test_a_thread_of_a_library_that_cannot_compute_is_none_of_the_programs(
    imports: str,
    start: str,
    is_expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "library_with_a_bar.py").write_text(f"{imports}\n{LIBRARY}")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.delitem(sys.modules, "library_with_a_bar", raising=False)
    library = importlib.import_module("library_with_a_bar")
    monkeypatch.setitem(sys.modules, "library_with_a_bar", library)
    heard: list[threading.Thread] = []
    recorder: Any = SimpleNamespace(expect_thread=heard.append)
    patches = Patches()
    ThreadStarts(recorder, patches)
    try:
        thread = eval(start, {**vars(library), "given": [1, 2]})
        thread.start()
        thread.join()
    finally:
        patches.undo()
    assert bool(heard) is is_expected


def test_no_number_of_a_thread_name_is_used_up() -> None:
    recorder: Any = SimpleNamespace(expect_thread=lambda thread: None)
    patches = Patches()
    ThreadStarts(recorder, patches)
    try:
        first, second = (threading.Thread(target=int) for _ in range(2))
        first.start()
        first.join()
        third = threading.Thread(target=int)
    finally:
        patches.undo()
    numbers = [int(thread.name.split("-")[1].split()[0]) for thread in (first, second, third)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
