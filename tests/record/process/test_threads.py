"""Threads are numbered when they are started."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

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
