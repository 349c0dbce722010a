"""What new memory holds, of torch. What other libraries allocate is filled by glibc."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.memory_fill import fill_with
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Fill it with a byte, 0 to 254."""
    fill_with(int(value), reach)
    reach.when_imported("torch", hold.take)
