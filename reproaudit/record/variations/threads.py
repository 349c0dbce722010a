"""The number of threads stays what it was set to, whatever the program asks torch for."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.one_thread import hold_threads
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Ignore what the program sets. The settings have set the number itself."""
    hold_threads(reach, "set_num_threads")
