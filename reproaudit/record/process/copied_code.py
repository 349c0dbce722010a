"""Modules of a project that is installed in place, in a run that works in a copy of the project.

`pip install -e` names the project's own folder, in the module path or to a finder of its own, so
that the run would import what lies there and not what lies in its copy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from reproaudit.record.hooks import own_paths

# What setuptools names the finder of a project, whose table this is.
_FINDER_PREFIX = "__editable__"
_FINDER_TABLE = "MAPPING"


def lead_to_copies(copies: Sequence[tuple[str, str]]) -> None:
    """Have imports find the copies of folders, given as (copy, original)."""
    if not copies:
        return
    sys.path[:] = [_lead(place, copies) for place in sys.path]
    for name, module in list(sys.modules.items()):
        table = getattr(module, _FINDER_TABLE, None)
        if name.startswith(_FINDER_PREFIX) and isinstance(table, dict):
            for package, place in table.items():
                table[package] = _lead(place, copies)


def _lead(place: str, copies: Sequence[tuple[str, str]]) -> str:
    """Return where a folder or a file lies in a copy; itself if no copy holds it."""
    for copy, original in copies:
        if place != original and not place.startswith(original + os.sep):
            continue
        moved = copy + place[len(original) :]
        # An environment within the project is a link there: it is no part of the copy.
        real = own_paths.realpath(moved)
        if os.path.exists(moved) and (real + os.sep).startswith(own_paths.realpath(copy) + os.sep):
            return moved
    return place
