"""The size of the buckets in which DistributedDataParallel reduces gradients."""

from __future__ import annotations

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.ddp_arguments import replace_argument
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Give each wrapped module buckets of so many MB."""
    replace_argument(reach, "bucket_cap_mb", float(value), when_other=hold.take)
