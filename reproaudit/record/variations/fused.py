"""Whether optimizers are made with fused=True."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold
from reproaudit.record.variations.optimizer_arguments import change_optimizers


def install(value: str, reach: Reach, hold: Hold) -> None:
    change_optimizers(reach, hold, "fused", is_on=value == "on")
