"""One more folder in PATH."""

from __future__ import annotations

import os

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Append the folder, which need not be there; a child of the program has it already."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if value not in folders:
        os.environ["PATH"] = os.pathsep.join((*folders, value))
