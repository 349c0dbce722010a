"""Variations in how several processes train together. They mean nothing in a program of one."""

from __future__ import annotations

from reproaudit.config.settings import Settings, bad_value
from reproaudit.knowledge.variation import Around, Need, Variation, match_inside, name_fact
from reproaudit.model.cause import Cause


def _check_world(value: str) -> Settings:
    if not value.isdecimal() or int(value) < 1:
        raise bad_value("world_size", value, "a whole number from 1 on")
    return Settings()


TABLE: tuple[Variation, ...] = (
    Variation(
        id="bucket_size",
        what="which gradients are reduced together",
        values=("0.001", "1", "100"),
        cause=Cause.COLLECTIVE_ORDER,
        change=match_inside("bucket_size", r"\d{1,6}(\.\d{1,9})?", "a size in MB such as 0.001"),
        record="bucket_size",
        needs=(Need.RANKS,),
        how="DistributedDataParallel is made with bucket_cap_mb of this value, in MB.",
        fact=name_fact("bucket_size"),
        unless="no module is wrapped by DistributedDataParallel, or each has this size already",
    ),
    Variation(
        id="world_size",
        what="the number of ranks that train together",
        values=("1", "2", "4"),
        cause=Cause.COLLECTIVE_ORDER,
        change=_check_world,
        around=Around.COMMAND,
        # With other ranks, each has another share of the data: few programs mean not to change.
        in_all=False,
        needs=(Need.RANKS, Need.COMMAND),
        how="The launcher is told to start so many ranks, where its command names their number.",
    ),
)
