"""New memory that torch hands out undefined is filled, without `use_deterministic_algorithms`."""

from __future__ import annotations

import functools
import os

from reproaudit.knowledge.fills import FILL_VARIABLE
from reproaudit.record.repairs import Reach

_getenv = os.environ.get


def install(reach: Reach) -> None:
    """Fill with zeros, or with the byte (0 to 255) that the variable REPROAUDIT_FILL names.

    What compiled code and NumPy allocate is filled by glibc, where that is the allocator.
    """
    byte = int(_getenv(FILL_VARIABLE, "0"), 0)
    if not 0 <= byte <= 255:
        raise ValueError(f"{FILL_VARIABLE} is {byte}, and takes a byte, 0 to 255")
    fill_with(byte, reach)


def fill_with(byte: int, reach: Reach) -> None:
    """Fill what torch hands out undefined with a byte, once torch is there."""
    reach.when_imported("torch", functools.partial(_enter_mode, reach, byte))


def _enter_mode(reach: Reach, byte: int) -> None:
    from reproaudit.record.repairs.fill_mode import FillMode, enter_everywhere

    enter_everywhere(FillMode(byte), reach.patches)
