"""Which of several processes that wait for one another this one is: its rank."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from reproaudit.trace.facts import ProcessFacts

# How often torchrun has started the ranks anew, as its documentation names it.
_RESTARTS = "TORCHELASTIC_RESTART_COUNT"


class RankWatch:
    """Says which rank the process is, by `identify`, once the program has a group of ranks.

    A process that was forked by a rank inherits its process group, and is no rank for that.
    """

    def __init__(self, identify: Callable[[ProcessFacts], None]) -> None:
        self._identify = identify
        self._is_known = False

    def look(self) -> None:
        if self._is_known:
            return
        found = find_rank()
        if found is not None:
            self._is_known = True
            self._identify(found)

    def after_fork(self) -> None:
        self._is_known = has_ranks()


def has_ranks() -> bool:
    """Return True if the program has formed a group of processes, or has inherited one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available():
        return False
    return bool(distributed.is_initialized())


def is_one_of_several() -> bool:
    """Return True if other processes wait for this one."""
    return has_ranks() and sys.modules["torch.distributed"].get_world_size() > 1


def find_rank() -> ProcessFacts | None:
    """Return the rank in the group that the program has formed; None if it has formed none."""
    if not has_ranks():
        return None
    distributed = sys.modules["torch.distributed"]
    return ProcessFacts(
        rank=distributed.get_rank(),
        world=distributed.get_world_size(),
        restart=_count_restarts(os.environ),
    )


def read_rank(environ: Mapping[str, str], rank_of_parent: str) -> ProcessFacts | None:
    """Return the rank that a launcher gave this process; None if it gave none.

    What a rank itself starts inherits its variables: `rank_of_parent` is what RANK was there.
    """
    rank, world = environ.get("RANK", ""), environ.get("WORLD_SIZE", "")
    if not (rank.isdecimal() and world.isdecimal()) or rank == rank_of_parent:
        return None
    return ProcessFacts(rank=int(rank), world=int(world), restart=_count_restarts(environ))


def _count_restarts(environ: Mapping[str, str]) -> int:
    count = environ.get(_RESTARTS, "")
    return int(count) if count.isdecimal() else 0
