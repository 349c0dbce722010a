"""What an object that is saved holds: tensors, states of random streams, numbers by their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from reproaudit.record.boundary.saved_contents import convert_array, list_items
from reproaudit.record.digest.tensors import Digest, digest
from reproaudit.record.state import rng
from reproaudit.record.state.generators import digest_numpy_state
from reproaudit.record.training_state.plain import digest_plain, digest_plain_part, is_plain

_MOST_VALUES = 200_000
_DEEPEST = 24
_PYTHON_STATE = 625  # numbers of a Mersenne Twister, with its position
_NUMPY_STATE = "MT19937"


@dataclass(slots=True)
class Contents:
    """Digests of the tensors, dicts and stream states of an object, and its numbers by key."""

    digests: set[Digest] = field(default_factory=set)
    values: set[tuple[str, Digest]] = field(default_factory=set)

    def has_value(self, name: str, found: Digest) -> bool:
        """Return True if a value is saved by the last part of a variable's name."""
        key = name.rpartition(".")[2].lower()
        for opening in ("['", '["'):
            key = key.rpartition(opening)[2]
        key = key.rstrip("'\"]")
        return (key, found) in self.values


def index_contents(value: Any) -> Contents:
    """Return what an object holds, as far as it is looked at."""
    contents = Contents()
    above: set[int] = set()
    left = _MOST_VALUES

    def walk(item: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0 or len(above) >= _DEEPEST or id(item) in above:
            return
        if isinstance(item, torch.Tensor):
            _add_tensor(contents, item)
            return
        if is_plain(item) or item is None:
            return
        array = convert_array(item)
        if array is not None:
            _add_tensor(contents, array)
            return
        if _add_stream_state(contents, item):
            return
        if isinstance(item, dict):
            _add_dict(contents, item)
        above.add(id(item))
        for _, part in list_items(item):
            walk(part)
        above.discard(id(item))

    walk(value)
    return contents


def _add_tensor(contents: Contents, tensor: torch.Tensor) -> None:
    found = digest(tensor)
    if found is not None:
        contents.digests.add(found)
    if tensor.dtype == torch.uint8 and tensor.dim() == 1 and tensor.is_cpu:
        contents.digests.add(rng.digest_state(tensor))


def _add_dict(contents: Contents, held: dict[Any, Any]) -> None:
    found = digest_plain_part({key: item for key, item in dict.items(held) if key != "params"})
    if found is not None:
        contents.digests.add(found)
    for key, item in dict.items(held):
        if type(key) is str and is_plain(item):
            contents.values.add((key.lower(), digest_plain(item)))


def _add_stream_state(contents: Contents, item: Any) -> bool:
    """Add the state of a generator of Python or NumPy; False for all else."""
    if type(item) is tuple and len(item) == 3 and type(item[1]) is tuple:
        if len(item[1]) != _PYTHON_STATE:
            return False
        contents.digests.add(rng.digest_python_state(item))
        return True
    if isinstance(item, (tuple, list)) and len(item) == 5 and str(item[0]) == _NUMPY_STATE:
        contents.digests.add(rng.digest_numpy_state(tuple(item)))
        return True
    if isinstance(item, dict) and "bit_generator" in item:
        contents.digests.add(digest_numpy_state(item))
        return True
    return False
