"""Messages that are taken in turn, and not as they come."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from reproaudit.record.repairs import Reach


def install(reach: Reach) -> None:
    """Have a program that asks what has arrived wait for it, and one that takes what comes first
    take from one rank after the other."""
    reach.when_imported("torch", functools.partial(_take_in_turn, reach))


def _take_in_turn(reach: Reach) -> None:
    import torch.distributed as dist

    if not dist.is_available():
        return
    from torch.distributed import distributed_c10d
    from torch.distributed.distributed_c10d import Work

    reach.patches.replace(Work, "is_completed", _wrap_question(reach, Work.is_completed))
    turns = Turns()
    for name in ("recv", "irecv"):
        original = getattr(dist, name)
        wrapped = _wrap_receive(original, turns)
        for module in (dist, distributed_c10d):
            reach.patches.replace(module, name, wrapped)


def _wrap_question(reach: Reach, original: Callable[..., bool]) -> Callable[..., bool]:
    def is_completed(work: Any) -> bool:
        # PyTorch and the recorder ask as well, and must not wait.
        if not original(work) and reach.is_program(1):
            work.wait()
        return original(work)

    return is_completed


class Turns:
    """Whose turn it is, in each group."""

    def __init__(self) -> None:
        self._by_group: dict[Any, Iterator[int]] = {}

    def next_source(self, group: Any) -> int:
        """Return the rank to receive from next: each other rank of the group in turn."""
        import torch.distributed as dist

        if group not in self._by_group:
            own = dist.get_rank()
            others = [rank for rank in dist.get_process_group_ranks(group) if rank != own]
            self._by_group[group] = itertools.cycle(others or [own])
        return next(self._by_group[group])


def _wrap_receive(original: Callable[..., Any], turns: Turns) -> Callable[..., Any]:
    @functools.wraps(original)
    def receive(
        tensor: Any, src: int | None = None, group: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        if src is None and kwargs.get("group_src") is None:
            src = turns.next_source(group)
        return original(tensor, src, group, *args, **kwargs)

    return receive
