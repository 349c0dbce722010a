"""Static facts about ops that pass messages between processes: what each sends, and what arrives.

Their schemas say neither that they write nor when: what is given to them is written while they are
under way, after the call has returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

NAMESPACES = frozenset({"c10d", "_c10d_functional"})
# They end the waiting for a tensor, and are no message of their own.
_WAITS = frozenset({"wait_tensor"})
_PLAIN = frozenset({"check_for_nan"})
# They give their argument another class; they do not look at its bytes, which may be under way.
WRAPS = frozenset({"_wrap_tensor_autograd"})

_Tensor = torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one op sends and receives, by the positions of its arguments.

    `returns`: what arrives is in the tensors that the op gives back. `root` is the position of the
    rank that alone has something to send, or to receive where `is_to_root`.
    """

    sends: tuple[int, ...] = ()
    receives: tuple[int, ...] = ()
    returns: bool = False
    reduces: bool = False
    root: int | None = None
    is_to_root: bool = False
    is_known: bool = True


_IN_PLACE = Message(sends=(0,), receives=(0,), reduces=True)
_GATHERS = Message(sends=(1,), receives=(0,))
_SCATTERS = Message(sends=(1,), receives=(0,), reduces=True)
_RECEIVES = Message(receives=(0,))
_SENDS = Message(sends=(0,))
_NOTHING = Message()

_IN_C10D = {
    "allreduce_": _IN_PLACE,
    "allreduce_coalesced_": _IN_PLACE,
    "reduce_": Message(sends=(0,), receives=(0,), reduces=True, root=3, is_to_root=True),
    "broadcast_": Message(sends=(0,), receives=(0,), root=2),
    "allgather_": _GATHERS,
    "allgather_coalesced_": _GATHERS,
    "allgather_into_tensor_coalesced_": _GATHERS,
    "_allgather_base_": _GATHERS,
    "gather_": _GATHERS,
    "scatter_": _GATHERS,
    "alltoall_": _GATHERS,
    "alltoall_base_": _GATHERS,
    "reduce_scatter_": _SCATTERS,
    "reduce_scatter_tensor_coalesced_": _SCATTERS,
    "_reduce_scatter_base_": _SCATTERS,
    "send": _SENDS,
    "recv_": _RECEIVES,
    "recv_any_source_": _RECEIVES,
    "barrier": _NOTHING,
    "monitored_barrier_": _NOTHING,
}
# Nothing of what is sent or received is compared.
_UNKNOWN = Message(is_known=False)


def are_spread(kinds: Iterable[type]) -> bool:
    """Return True if a tensor of one of the classes has its parts on several ranks."""
    return any(kind.__name__ == "DTensor" for kind in kinds)


def is_wait(namespace: str, base: str) -> bool:
    return namespace == "_c10d_functional" and base in _WAITS


def find_message(namespace: str, base: str) -> Message | None:
    """Return what an op sends and receives; None if it passes no messages."""
    if namespace not in NAMESPACES or base in _WAITS | _PLAIN | WRAPS:
        return None
    if namespace == "c10d":
        return _IN_C10D.get(base, _UNKNOWN)
    reduces = "reduce" in base
    if base.endswith("_"):
        return Message(sends=(0,), receives=(0,), reduces=reduces)
    if base == "irecv":
        return Message(returns=True)
    if base == "isend":
        return _SENDS
    if base == "batch_p2p_ops":
        return _UNKNOWN
    return Message(sends=(0,), returns=True, reduces=reduces)


def find_group(args: Sequence[Any]) -> Any:
    """Return the group of processes that is among the arguments; None if there is none."""
    from torch.distributed.distributed_c10d import ProcessGroup

    for value in args:
        if isinstance(value, torch.ScriptObject):
            try:
                return ProcessGroup.unbox(value)
            except (AttributeError, RuntimeError):
                continue
    return None


def rank_in_group(args: Sequence[Any]) -> int | None:
    """Return the rank of this process in the group that is among the arguments; None: not known."""
    group = find_group(args)
    return None if group is None else int(group.rank())


def list_sent(message: Message, args: Sequence[Any]) -> list[_Tensor]:
    """Return the tensors whose content goes to other ranks, in order."""
    if message.root is not None and not message.is_to_root:
        rank = rank_in_group(args)
        if rank is not None and rank != args[message.root]:
            return []
    return list_tensors(args[position] for position in message.sends if position < len(args))


def list_received(message: Message, args: Sequence[Any], result: Any) -> list[_Tensor] | None:
    """Return the tensors that are written while the op is under way.

    None: that is not known, or nothing is said of their content.
    """
    if not message.is_known:
        return None
    if message.is_to_root and message.root is not None:
        rank = rank_in_group(args)
        if rank != args[message.root]:
            # PyTorch promises nothing about the tensors of other ranks.
            return None
    values = [args[position] for position in message.receives if position < len(args)]
    if message.returns:
        values.append(result)
    return list_tensors(values)


def find_work(result: Any) -> Any:
    """Return what a program waits for, as Python has it; None for an op that has no such thing."""
    found = result[-1] if isinstance(result, (tuple, list)) and result else result
    if not isinstance(found, torch.ScriptObject):
        return None
    from torch.distributed.distributed_c10d import Work

    try:
        # The very object that the program is given: there is one for what both stand for.
        return Work.unbox(found)
    except (AttributeError, RuntimeError):
        return None


def count_bytes(tensors: Iterable[_Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def list_tensors(values: Iterable[Any]) -> list[_Tensor]:
    """Return the tensors among values, and those in lists among them."""
    found: list[_Tensor] = []
    for value in values:
        if isinstance(value, _Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += list_tensors(value)
    return found
