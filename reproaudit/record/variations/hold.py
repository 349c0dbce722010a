"""Saying in the trace that a variation took hold."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.knowledge.variation import name_fact
from reproaudit.record.repairs import Reach


@dataclass(slots=True)
class Hold:
    """Says, once, that a variation took hold in this process."""

    reach: Reach
    name: str
    value: str
    is_told: bool = False

    def take(self) -> None:
        if not self.is_told:
            self.is_told = True
            self.reach.learn(name_fact(self.name), self.value)
