"""A fixed seed for polars, and rows that keep their order where it promises none."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import SEED, Reach

_UNORDERED = ("group_by", "unique")


def install(reach: Reach) -> None:
    reach.when_imported("polars", functools.partial(_fix_polars, reach))


def _fix_polars(reach: Reach) -> None:
    polars = sys.modules["polars"]
    polars.set_random_seed(SEED)
    for owner in (polars.DataFrame, polars.LazyFrame):
        for method in _UNORDERED:
            original = getattr(owner, method, None)
            if original is not None:
                reach.patches.replace(owner, method, _keep_order(original))


def _keep_order(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call_in_order(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "maintain_order": True})

    return call_in_order
