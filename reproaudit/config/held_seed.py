"""Owns what a call that seeds is given instead, so that it draws what another run drew."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

# Stands for the argument `seed` of torch's DistributedSampler, which seeds anew in each epoch.
SEEDED_SAMPLER = "torch.utils.data.distributed.DistributedSampler"
# A number of NumPy's, as its repr shows it.
_NUMPY_NUMBER = re.compile(r"np\.u?int\d+\((-?\d+)\)")


@dataclass(frozen=True, slots=True)
class HeldSeed:
    """A call that seeds, by its name, what it finds itself given, and what it is given instead.

    Both are the repr of a tuple of arguments.
    """

    call: str
    found: str
    given: str


def read_given(shown: str) -> tuple[Any, ...]:
    """Return the arguments of a call that seeds, given their text.

    Raises ValueError for what is more than numbers, texts and lists of them, or was cut off.
    """
    try:
        given = ast.literal_eval(_NUMPY_NUMBER.sub(r"\1", shown))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"no plain arguments: {shown}") from None
    if not isinstance(given, tuple):
        raise ValueError(f"no arguments: {shown}")
    return given
