"""What no document of ours goes beyond, so that one that does is a stranger's."""

from __future__ import annotations

MAX_DEPTH = 64  # of objects and lists in one another; ours have a dozen
_CONTAINERS = (dict, list)


def is_too_deep(document: object) -> bool:
    """Return True if something lies deeper in a parsed document than any of ours goes.

    Whoever walks one of the others may call itself for each level.
    """
    level = [document]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        # One look at the types of a table of a million rows, no more.
        level = [value for value in inner if type(value) in _CONTAINERS]
        if not level:
            return False
    return True
