"""A bucket of DistributedDataParallel for each gradient."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.ddp_arguments import replace_argument

_LESS_THAN_A_GRADIENT_MB = 1e-6


def install(reach: Reach) -> None:
    """Give each wrapped module buckets so small that each is full with one gradient."""
    replace_argument(reach, "bucket_cap_mb", _LESS_THAN_A_GRADIENT_MB)
