"""Gradients that lie in the buckets of DistributedDataParallel."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.ddp_arguments import replace_argument


def install(reach: Reach) -> None:
    """Have gradients reduced where they are, and not copied."""
    replace_argument(reach, "gradient_as_bucket_view", True)
