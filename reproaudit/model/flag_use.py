"""How `torch.use_deterministic_algorithms` was on in the runs that prove a repair."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FlagMode(str, Enum):
    """What the flag does with an operator that has no deterministic form."""

    STRICT = "strict"  # it raises; no operator of the program did
    UNLESS_REFUSED = "unless-refused"  # it raises, except that those which did were let pass
    WARN = "warn"  # it warns, and fused attention on a GPU stays as it is


@dataclass(frozen=True, slots=True)
class FlagUse:
    """The mode, and the operators that raise under the strict flag: the first name of each, sorted.

    They are None where nobody asked which do.
    """

    mode: FlagMode
    refused: tuple[str, ...] | None = None

    @property
    def would_raise(self) -> bool:
        """True if the strict flag is known to raise somewhere in the program."""
        return self.mode is FlagMode.WARN or bool(self.refused)
