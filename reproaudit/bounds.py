"""What no document of ours goes beyond, so that one that does is a stranger's."""

from __future__ import annotations

import re

MAX_DEPTH = 64  # of objects and lists in one another; ours have a dozen
# A key of TOML with more parts than that, where keys stand: at the start of a line or a table.
_DEEP_KEY = re.compile(
    rf"""(?:^|[\[{{,])[ \t]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""",
    re.MULTILINE,
)
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


def has_too_deep_key(text: str) -> bool:
    """Return True if a key of a TOML text has so many parts that reading it takes the square of
    their number, which may be hours."""
    return _DEEP_KEY.search(text) is not None
