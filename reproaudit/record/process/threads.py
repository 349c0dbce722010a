"""Numbers the program's threads in the order in which they are started."""

from __future__ import annotations

import functools
import threading

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder


class ThreadStarts:
    """Has the recorder number each thread before it runs."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        original = threading.Thread.start

        @functools.wraps(original)
        def start(thread: threading.Thread) -> None:
            recorder.expect_thread(thread)
            original(thread)

        patches.replace(threading.Thread, "start", start)
