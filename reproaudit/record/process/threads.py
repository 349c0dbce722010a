"""Numbers the program's threads in the order in which they are started."""

from __future__ import annotations

import functools
import threading

from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder

_POOLS = ("threading", "concurrent.futures.")  # what starts threads for others
# What torch.compile starts compiles, and runs nothing of the program.
_COMPILER = ("torch._inductor.", "torch._dynamo.", "triton.")


class ThreadStarts:
    """Has the recorder number each thread before it runs, but not those of torch.compile."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        original = threading.Thread.start

        @functools.wraps(original)
        def start(thread: threading.Thread) -> None:
            if not _is_started_by_compiler():
                recorder.expect_thread(thread)
            original(thread)

        patches.replace(threading.Thread, "start", start)


def _is_started_by_compiler() -> bool:
    frame = outer_frame(1)
    while frame is not None:
        # A program may give its modules any name.
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith(_POOLS):
            return module.startswith(_COMPILER)
        frame = frame.f_back
    return False
