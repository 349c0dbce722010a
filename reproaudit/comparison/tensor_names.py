"""The names of a run's tensors in the order of its tree of digests, kept beside the tree.

The tree alone says where two runs first differ by a step and a number. Steps whose tensors are
alike share one list of names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from reproaudit.codec import Malformed, decode, encode, parse_json
from reproaudit.comparison.run_tree import Leaf
from reproaudit.errors import TraceError

NAMES_MAGIC = "reproaudit-tensor-names"
NAMES_VERSION = 1


@dataclass(frozen=True, slots=True)
class TensorNames:
    """`steps` are (step, number of its list in `layouts`); NO_STEP for what belongs to none."""

    magic: str
    version: int
    layouts: tuple[tuple[str, ...], ...]
    steps: tuple[tuple[int, int], ...]

    def find(self, step: int, leaf: int) -> str:
        """Return the name of a tensor of a step; "" if there is none."""
        layout = dict(self.steps).get(step)
        if layout is None or not 0 <= layout < len(self.layouts):
            return ""
        names = self.layouts[layout]
        return names[leaf] if leaf < len(names) else ""

    def to_bytes(self) -> bytes:
        """Return the names as JSON."""
        return json.dumps(encode(TensorNames, self), separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> TensorNames:
        """Read what `to_bytes` wrote. Raises TraceError for anything else, and calls it `name`."""
        try:
            found: TensorNames = decode(cls, parse_json(data.decode("utf-8", "replace")))
            if (found.magic, found.version) != (NAMES_MAGIC, NAMES_VERSION):
                raise Malformed("it holds no names of tensors, or another version wrote it")
        except Malformed as fault:
            raise TraceError(
                f"cannot read {name!r}: {fault}",
                code="digests-unreadable",
                hint="record the run again",
            ) from None
        return found


def list_names(leaves: Iterable[Leaf]) -> TensorNames:
    """Return the names of a run's leaves, which come in the order of the tree."""
    layouts: dict[tuple[str, ...], int] = {}
    steps = []
    for step, found in groupby(leaves, key=attrgetter("step")):
        names = tuple(map(describe_leaf, found))
        steps.append((step, layouts.setdefault(names, len(layouts))))
    return TensorNames(NAMES_MAGIC, NAMES_VERSION, tuple(layouts), tuple(steps))


def describe_leaf(leaf: Leaf) -> str:
    """Return what a tensor is: its kind, its name, and which of several it is."""
    said = f"{leaf.kind.name.lower()} {leaf.name}"
    if leaf.occurrence:
        said += f", occurrence {leaf.occurrence + 1}"
    if leaf.process:
        said += f", process {leaf.process}"
    return said
