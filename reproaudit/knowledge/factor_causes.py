"""Which cause a variation is, where something of the program depends on it."""

from __future__ import annotations

from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import ARGUMENT, ENVIRONMENT
from reproaudit.model.cause import Cause


def find_cause_of_factor(factor: str) -> Cause | None:
    """Return the cause; None for a variation that may act in several ways, as a variable that only
    the program knows.

    `factor` is the variation's name in the table.
    """
    if is_programs_own(factor):
        return None
    entry = VARIATIONS.get(factor)
    return None if entry is None else entry.cause


def is_programs_own(factor: str) -> bool:
    """Return True for a variable or an option that only the program knows."""
    return factor.startswith((ENVIRONMENT, ARGUMENT))
