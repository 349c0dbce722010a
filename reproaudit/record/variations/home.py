"""Another home folder, which is empty."""

from __future__ import annotations

import os
import site

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

_FOLDER = "home"


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Set HOME for the program and for what it starts; all processes of a run have one home."""
    home = os.path.join(reach.folder, _FOLDER)
    os.makedirs(home, exist_ok=True)
    # Children would not find the packages of the user, which lie below the old home.
    os.environ.setdefault("PYTHONUSERBASE", site.getuserbase())
    os.environ["HOME"] = home
