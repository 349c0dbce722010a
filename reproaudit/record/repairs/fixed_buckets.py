"""Buckets of DistributedDataParallel that have the same size in each run."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.ddp_arguments import replace_argument

_DEFAULT_MB = 25


def install(reach: Reach) -> None:
    """Give each wrapped module the size that PyTorch documents as its default."""
    replace_argument(reach, "bucket_cap_mb", _DEFAULT_MB)
