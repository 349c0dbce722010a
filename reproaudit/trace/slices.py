"""The file of slice digests, `slices.safetensors`: what of an operator's tensors is equal in two
runs that gave it the same rows in other portions.

It is written in pieces, as `values.safetensors` is. Piece P has three tensors of 64-bit numbers:

  P.0  [operands, 4]   event, number of the operand as in values.safetensors, number of its tensor,
                       and of the tensor that it is if what is kept of it is taken otherwise
  P.1  [tensors, 13]   low and high half of the digest of the whole, 1 if of floating point, how
                       many dimensions, number of the first digest, sizes of eight dimensions
  P.2  [digests, 2]    low and high half of the digest of a slice

Tensors and digests are numbered over all pieces. A tensor has, for each of its dimensions in order,
one digest per index: of what is left of the tensor with the dimension taken away. A dimension that
is longer than MOST_SLICES has none. Equal tensors are there once.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.values import ValuesIndex, ValuesWriter, read_index

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SLICES_FILE = "slices.safetensors"
MOST_SLICES = 16_384  # along one dimension
MOST_DIMENSIONS = 8
_PIECE_BYTES = 4 << 20  # that wait at most: a step may have thousands of operators
_OPERAND_FIELDS = 4
_TENSOR_FIELDS = 5 + MOST_DIMENSIONS
_DIGEST_BYTES = 16
_NUMBER_BYTES = 8

Digest = tuple[int, int]  # the low and the high half


def count_slices(shape: tuple[int, ...]) -> int:
    """Return how many slices of a tensor of this shape have a digest, over all its dimensions."""
    return sum(size for size in shape if size <= MOST_SLICES)


class SlicesWriter:
    """Appends slice digests to the file, at most `budget` bytes of them."""

    def __init__(self, path: str, budget: int) -> None:
        self._values = ValuesWriter(path, budget)
        self._left = budget
        self._tensors: dict[tuple[Digest, tuple[int, ...]], int] = {}
        self._digests_count = 0
        self._piece = 0
        self._empty()

    def _empty(self) -> None:
        self._operand_rows = array("Q")
        self._tensor_rows = array("Q")
        self._digest_bytes = bytearray()

    def find(self, whole: Digest, shape: tuple[int, ...]) -> int | None:
        """Return the number of the tensor with this digest and shape; None if it is not there."""
        return self._tensors.get((whole, shape))

    def has_room(self, shape: tuple[int, ...]) -> bool:
        """Return True if the slices of a tensor of this shape still fit."""
        row = (_OPERAND_FIELDS + _TENSOR_FIELDS) * _NUMBER_BYTES
        return self._left >= row + count_slices(shape) * _DIGEST_BYTES

    def add_tensor(
        self, whole: Digest, shape: tuple[int, ...], *, is_float: bool, digests: bytes
    ) -> int:
        """Add a tensor of at most MOST_DIMENSIONS dimensions; return its number.

        `digests` are those of its slices, 16 bytes each, the low half first, little-endian.
        """
        number = self._tensors[whole, shape] = len(self._tensors)
        sizes = (*shape, *(0,) * (MOST_DIMENSIONS - len(shape)))
        self._tensor_rows.extend((*whole, is_float, len(shape), self._digests_count, *sizes))
        self._digest_bytes += digests
        self._digests_count += len(digests) // _DIGEST_BYTES
        self._left -= _TENSOR_FIELDS * _NUMBER_BYTES + len(digests)
        return number

    def add_operand(self, event: int, number: int, tensor: int, other: int | None = None) -> None:
        """Say which tensor an operand of an event is.

        Where only a part of it is digested, `other` is what it may be as well; None: the same.
        """
        self._operand_rows.extend((event, number, tensor, tensor if other is None else other))
        self._left -= _OPERAND_FIELDS * _NUMBER_BYTES

    @property
    def is_full(self) -> bool:
        """True if so much waits that it ought to be written."""
        waiting = len(self._operand_rows) + len(self._tensor_rows)
        return waiting * _NUMBER_BYTES + len(self._digest_bytes) >= _PIECE_BYTES

    def flush(self) -> bool:
        """Write what waits; False if the file takes no more of it. Raises OSError."""
        if not self._operand_rows:
            return True
        parts = (
            ("uint64", (len(self._operand_rows) // _OPERAND_FIELDS, _OPERAND_FIELDS)),
            ("uint64", (len(self._tensor_rows) // _TENSOR_FIELDS, _TENSOR_FIELDS)),
            ("uint64", (len(self._digest_bytes) // _DIGEST_BYTES, 2)),
        )
        contents = (self._operand_rows, self._tensor_rows, self._digest_bytes)
        for part, ((dtype, shape), content) in enumerate(zip(parts, contents, strict=True)):
            if not self._values.add(f"{self._piece}.{part}", dtype, shape, content):
                return False
        self._values.flush()
        self._piece += 1
        self._empty()
        return True


@dataclass(frozen=True, slots=True, eq=False)
class SlicedTensor:
    """A tensor and the digests of its slices. Two are the same if `whole` and `shape` are."""

    whole: Digest
    shape: tuple[int, ...]
    is_float: bool
    digests: npt.NDArray[np.uint64]  # [slices, 2], of all dimensions in order

    def along(self, dimension: int) -> npt.NDArray[np.uint64] | None:
        """Return the digests of the slices along a dimension, shape [size, 2]; None: too long."""
        size = self.shape[dimension]
        if size > MOST_SLICES:
            return None
        first = count_slices(self.shape[:dimension])
        return self.digests[first : first + size]


@dataclass(frozen=True, slots=True)
class SlicedCall:
    """The tensors that an operator read and wrote, in order.

    `other_inputs` and `other_outputs` are the same ones where all of each tensor is digested, and
    else what they may be as well.
    """

    inputs: tuple[SlicedTensor, ...]
    outputs: tuple[SlicedTensor, ...]
    other_inputs: tuple[SlicedTensor, ...]
    other_outputs: tuple[SlicedTensor, ...]


class Slices:
    """The slice digests of a trace, whatever of the file can be used.

    `damage` says what cannot. A file that is missing has none.
    """

    def __init__(self, directory: Path) -> None:
        index = read_index(directory / SLICES_FILE)
        self.damage = index.damage
        self._tensors = _join(index, 1, _TENSOR_FIELDS)
        self._digests = _join(index, 2, 2)
        self._operands: dict[int, list[tuple[int, int, int]]] = {}
        for event, *operand in _join(index, 0, _OPERAND_FIELDS).tolist():
            self._operands.setdefault(event, []).append(tuple(operand))

    @property
    def events(self) -> tuple[int, ...]:
        """The numbers of the operators that have slices, in order."""
        return tuple(sorted(self._operands))

    def call(self, event: int) -> SlicedCall | None:
        """Return what an operator read and wrote; None if there are no slices of it."""
        rows = self._operands.get(event)
        if rows is None:
            return None
        rows = sorted(rows)
        tensors = [self._tensor(tensor) for _, tensor, _ in rows]
        others = [self._tensor(other) for _, _, other in rows]
        outputs = sum(number < INPUTS_FROM for number, _, _ in rows)
        if None in tensors or None in others:
            return None
        known = tuple(tensor for tensor in tensors if tensor is not None)
        known_otherwise = tuple(other for other in others if other is not None)
        return SlicedCall(
            inputs=known[outputs:],
            outputs=known[:outputs],
            other_inputs=known_otherwise[outputs:],
            other_outputs=known_otherwise[:outputs],
        )

    def _tensor(self, number: int) -> SlicedTensor | None:
        """Return a tensor; None if the file, which may be a stranger's, has no such one."""
        if number >= len(self._tensors):
            return None
        low, high, is_float, dimensions, first, *sizes = self._tensors[number].tolist()
        if dimensions > MOST_DIMENSIONS:
            return None
        shape = tuple(sizes[:dimensions])
        end = first + count_slices(shape)
        if end > len(self._digests):
            return None
        return SlicedTensor((low, high), shape, bool(is_float), self._digests[first:end])


def _join(index: ValuesIndex, part: int, fields: int) -> npt.NDArray[np.uint64]:
    """Return one part of all pieces up to the first that lacks it or has another form."""
    # As in `values`: what only writes a trace need not wait for NumPy.
    import numpy as np

    found = [np.zeros((0, fields), np.uint64)]
    for piece in range(len(index.by_event)):
        kept = {value.number: value for value in index.read(piece)}
        if any(one not in kept for one in range(3)):
            break
        value = kept[part]
        if value.dtype != "uint64" or len(value.shape) != 2 or value.shape[1] != fields:
            break
        found.append(value.data.view("<u8").reshape(-1, fields))
    joined: npt.NDArray[np.uint64] = np.concatenate(found)
    return joined
