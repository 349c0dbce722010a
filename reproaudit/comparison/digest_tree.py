"""A tree of digests over a run, by which two parties find where their runs first differ.

They exchange the roots, and where these differ one digest per level on the way down: of runs of n
tensors that is the order of log n digests, whatever the runs hold.

    root                        every part, and how many there are
    nodes over the parts        binary; where there is no child stands NOTHING
    parts                       one per step that has tensors, then what belongs to no step
    nodes over a part's leaves  as over the parts
    leaves                      one per tensor: its process, kind, name and digest

Digests are BLAKE2b of 16 bytes. They protect from chance, and not from a recording that was forged:
the digests of tensors themselves are XXH3, for which other contents can be made up.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from reproaudit.errors import TraceError

DIGEST_BYTES = 16
NOTHING = bytes(DIGEST_BYTES)
NO_STEP = -1  # of the part that belongs to no step, which comes last
PARTS = -1  # in a question: not of a part, but of the tree over all of them

_MAGIC = b"reproaudit-tree\x01"  # ends with the version of the format
_COUNT = struct.Struct("<I")
_PART = struct.Struct("<iI")  # the step, and how many leaves


class Question(NamedTuple):
    """Which digest is wanted: node `position` of a level, where level 0 is that of the leaves."""

    part: int
    level: int
    position: int


class Heading(NamedTuple):
    """What is said of a part without asking further."""

    step: int
    leaves: int


class Summary(NamedTuple):
    """What one party says first."""

    root: bytes
    parts: int


class Difference(NamedTuple):
    """Where two trees first differ.

    `step` is NO_STEP for what belongs to no step. `leaf` counts the tensors of the step, in the
    order of the tree; None where only one run has the step at all.
    """

    step: int
    leaf: int | None


class _Nodes:
    """A binary tree over a sequence of digests, as wide as is asked for."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            rights = [*below[1::2], NOTHING]  # the last is used only if their number is odd
            pairs = zip(below[::2], rights, strict=False)
            self._levels.append([_digest(b"node", left, right) for left, right in pairs])

    @property
    def leaves(self) -> Sequence[bytes]:
        return self._levels[0]

    def at(self, level: int, position: int) -> bytes:
        """Return a node; of a level above the top it is the top with nothing beside it."""
        if level < len(self._levels):
            nodes = self._levels[level]
            return nodes[position] if position < len(nodes) else NOTHING
        if position:
            return NOTHING
        found = self.at(len(self._levels) - 1, 0)
        for _ in range(len(self._levels), level + 1):
            found = _digest(b"node", found, NOTHING) if found != NOTHING else NOTHING
        return found

    @property
    def top(self) -> bytes:
        return self.at(len(self._levels) - 1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The tensors of one step, or those that belong to none."""

    step: int
    nodes: _Nodes

    @classmethod
    def of(cls, step: int, leaves: Sequence[bytes]) -> Part:
        """Make a part of at least one leaf, none of which is NOTHING."""
        return cls(step, _Nodes(leaves))

    @property
    def heading(self) -> Heading:
        return Heading(self.step, len(self.nodes.leaves))

    @property
    def digest(self) -> bytes:
        """What stands for the part in the tree over all parts."""
        return _digest(b"part", _PART.pack(*self.heading), self.nodes.top)


class DigestTree:
    """The tree of one run. Steps rise, each has a tensor, and NO_STEP comes last."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = tuple(parts)
        self._nodes = _Nodes([part.digest for part in self.parts])

    @property
    def root(self) -> bytes:
        """Equal for runs whose tensors are equal."""
        return _digest(b"run", _COUNT.pack(len(self.parts)), self._nodes.top)

    @property
    def summary(self) -> Summary:
        return Summary(self.root, len(self.parts))

    def heading(self, part: int) -> Heading | None:
        """Return what part number `part` is, None if there are not so many."""
        return self.parts[part].heading if part < len(self.parts) else None

    def answer(self, question: Question) -> bytes:
        """Return the digest that a question asks for; NOTHING where there is none."""
        if question.part == PARTS:
            nodes = self._nodes
        elif question.part < len(self.parts):
            nodes = self.parts[question.part].nodes
        else:
            return NOTHING
        return nodes.at(question.level, question.position)

    def to_bytes(self) -> bytes:
        """Return the tree as bytes: 16 for each tensor, 8 for each step and 20.

        Little-endian: "reproaudit-tree" and a byte, which is the version of the format; the number
        of parts; of each its step and its number of leaves, 4 bytes each; then all leaves.
        """
        headings = (_PART.pack(*part.heading) for part in self.parts)
        leaves = (leaf for part in self.parts for leaf in part.nodes.leaves)
        return b"".join((_MAGIC, _COUNT.pack(len(self.parts)), *headings, *leaves))

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> DigestTree:
        """Return the tree that `to_bytes` made.

        Raises TraceError for anything else, and calls it by its name.
        """
        try:
            if not data.startswith(_MAGIC[:-1]):
                raise ValueError("it does not begin as digests of a run")
            if not data.startswith(_MAGIC):
                raise ValueError("another version of reproaudit made it")
            return cls(_read_parts(memoryview(data)[len(_MAGIC) :]))
        except ValueError as error:
            raise TraceError(
                f"cannot read {name!r}: {error}",
                code="digests-unreadable",
                hint="copy it again, or make it again: reproaudit digest TRACE --out FILE",
            ) from None


def find_difference(
    mine: DigestTree,
    summary: Summary,
    ask: Callable[[Question], bytes],
    ask_heading: Callable[[int], Heading | None],
) -> Difference | None:
    """Return where two trees first differ; None if they do not.

    Of the other tree its summary is known, the rest is asked for: one digest per level, and of one
    part its heading. Tensors come in the order of the tree, which within a step is not quite that
    of the program.
    """
    if summary.root == mine.root:
        return None
    number = _descend(PARTS, max(len(mine.parts), summary.parts), mine, ask)
    own, other = mine.heading(number), ask_heading(number)
    if own is None or other is None or own.step != other.step:
        return Difference(_first_step(own, other), None)
    leaf = _descend(number, max(own.leaves, other.leaves), mine, ask)
    return Difference(own.step, leaf)


def _descend(part: int, width: int, mine: DigestTree, ask: Callable[[Question], bytes]) -> int:
    """Return the first of `width` leaves that differs, where at least one does."""
    position = 0
    for level in reversed(range((width - 1).bit_length())):
        position *= 2
        question = Question(part, level, position)
        # If the left child is equal, the right one differs.
        position += mine.answer(question) == ask(question)
    return position


def _first_step(own: Heading | None, other: Heading | None) -> int:
    steps = [heading.step for heading in (own, other) if heading is not None]
    return min((step for step in steps if step != NO_STEP), default=NO_STEP)


def _digest(role: bytes, *parts: bytes) -> bytes:
    # The role keeps a leaf from being taken for a node.
    return blake2b(b"".join(parts), digest_size=DIGEST_BYTES, person=role).digest()


def digest_leaf(what: bytes, digest: bytes) -> bytes:
    """Return the leaf of a tensor: what it is, and its digest, which has 16 bytes."""
    return _digest(b"leaf", what, digest)


def _read_parts(data: memoryview) -> Iterator[Part]:
    """Yield the parts that bytes hold. Raises ValueError."""
    if len(data) < _COUNT.size:
        raise ValueError("it is cut off")
    (count,) = _COUNT.unpack_from(data)
    data = data[_COUNT.size :]
    if len(data) < count * _PART.size:
        raise ValueError("it is cut off")
    headings = [Heading(*row) for row in _PART.iter_unpack(data[: count * _PART.size])]
    data = data[count * _PART.size :]
    tensors = sum(heading.leaves for heading in headings)
    if len(data) != tensors * DIGEST_BYTES:
        raise ValueError(f"it has {len(data):,} bytes for {tensors:,} tensors")
    last = -1
    for number, heading in enumerate(headings):
        is_after_all = heading.step == NO_STEP and number == count - 1
        if not heading.leaves or not (heading.step > last or is_after_all):
            raise ValueError("its steps are in no order, or one is empty")
        last = heading.step
        size = heading.leaves * DIGEST_BYTES
        content = bytes(data[:size])
        data = data[size:]
        leaves = [content[at : at + DIGEST_BYTES] for at in range(0, size, DIGEST_BYTES)]
        if NOTHING in leaves:
            raise ValueError("a tensor has the digest of nothing")
        yield Part.of(heading.step, leaves)
