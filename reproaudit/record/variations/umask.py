"""The permissions that new files lack."""

from __future__ import annotations

import os

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

_umask = os.umask


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Set it to an octal number, until all is undone."""
    before = _umask(int(value, 8))

    def put_back() -> None:
        _umask(before)

    reach.patches.on_undo(put_back)
