"""Changes of a JSON document that leave it one: what a reader makes of values, not of syntax."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**30,
    10**400,
    -(10**400),
    0.5,
    1e306,
    -1e306,
    5e-324,
    "inf",
    "-inf",
    "nan",
    "",
    "x",
    "\x1b[2J",
    "::error::x",
    "\n::error::x",
    "##[error]x",
    "\ud800",
    "\0",
    "/",
    "..",
    "-",
    "a" * 3000,
    [],
    {},
    [[]],
    [{}],
    {"": None},
    [0] * 40,
)

_MOST_CHANGES = 3


def change_document(data: bytes, choose: Callable[[Sequence[Any]], Any]) -> bytes:
    """Change up to three places of a document; `choose` says which and how."""
    document = json.loads(data)
    places = _list_places(document)
    if not places:
        return data
    for _ in range(choose(range(1, _MOST_CHANGES + 1))):
        *above, last = choose(places)
        inside = document
        try:
            for key in above:
                inside = inside[key]
            if choose((True, False)):
                inside[last] = choose(HOSTILE)
            elif isinstance(inside, list):
                inside += inside * 2
            else:
                del inside[last]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
    return json.dumps(document).encode()


def _list_places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner += value.items()
    elif isinstance(value, list):
        inner += enumerate(value)
    found = [above] if above else []
    for key, one in inner:
        found += _list_places(one, (*above, key))
    return found
