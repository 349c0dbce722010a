"""Tensors that have another name than in a lock and the same content: no change of numerics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from reproaudit.lock.digests import index_tensors
from reproaudit.lock.model import LockedRun, LockedTensor

Rename = tuple[str, str]  # the name in the lock, and the name now
_Content = tuple[str, int, str, str, str]  # process, step, kind, dtype and shape, digest


def find_renames(locked: LockedRun, now: LockedRun) -> tuple[tuple[Rename, ...], LockedRun]:
    """Return which names became which others, and the run of now under the names of the lock.

    A name became another one if, wherever only one side has it, the other has the same contents
    under the other name alone. Of equal contents the first belongs to the first.
    """
    first = index_tensors(locked.tensors)
    second = index_tensors(now.tensors)
    gone = [tensor for key, tensor in first.items() if key not in second]
    new = [tensor for key, tensor in second.items() if key not in first]
    waiting = _group_by_content(new)
    partners: dict[str, set[str]] = defaultdict(set)
    for tensor in gone:
        found = waiting.get(_read_content(tensor))
        partners[tensor.name].add(found.pop(0).name if found else "")
    # What is left over has contents that the lock does not have.
    unmatched = {tensor.name for tensors in waiting.values() for tensor in tensors}
    renames: dict[str, str] = {}
    for name, others in partners.items():
        other = min(others)
        if len(others) == 1 and other and other not in unmatched and other not in renames.values():
            renames[name] = other
    back = {other: name for name, other in renames.items()}
    known = {tensor.name for tensor in locked.tensors if tensor.name not in renames}
    tensors = []
    for tensor in now.tensors:
        is_new = tensor.name in back and tensor.name not in known
        tensors.append(replace(tensor, name=back[tensor.name]) if is_new else tensor)
    return tuple(renames.items()), replace(now, tensors=tuple(tensors))


def forget_modules(run: LockedRun) -> LockedRun:
    """Return the run with operators that do not say in which module they run."""
    operators = tuple(replace(op, module="") for op in run.operators)
    return replace(run, operators=operators)


def _group_by_content(tensors: Iterable[LockedTensor]) -> dict[_Content, list[LockedTensor]]:
    groups: dict[_Content, list[LockedTensor]] = defaultdict(list)
    for tensor in tensors:
        groups[_read_content(tensor)].append(tensor)
    return groups


def _read_content(tensor: LockedTensor) -> _Content:
    return tensor.process, tensor.step, tensor.kind, tensor.tensor, tensor.digest
