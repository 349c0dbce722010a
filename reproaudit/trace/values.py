"""The file of kept tensors, `values.safetensors`.

It is written piece by piece behind a header of reserved size, and read by offset. dtype names are
torch's without the prefix. A dtype that some supported release of safetensors does not know is
stored as bytes (U8); the true dtype and shape are then in `__metadata__` under the tensor's name:
"complex64[2, 3]".
"""

from __future__ import annotations

import math
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from reproaudit.errors import TraceError
from reproaudit.files import encode, open_regular, parse_object, read_start, refuse, write_at

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEADER_BYTES = 1 << 20  # room for some 13,000 tensors
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20  # what a recording reserves: a longer one is a stranger's
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 56
_METADATA = "__metadata__"

# What safetensors 0.4.3 knows: one entry of a newer dtype would make the whole file unreadable.
_STORED = {
    "bool": ("BOOL", 1),
    "uint8": ("U8", 1),
    "int8": ("I8", 1),
    "uint16": ("U16", 2),
    "int16": ("I16", 2),
    "uint32": ("U32", 4),
    "int32": ("I32", 4),
    "uint64": ("U64", 8),
    "int64": ("I64", 8),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "float32": ("F32", 4),
    "float64": ("F64", 8),
    "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e5m2": ("F8_E5M2", 1),
}
_TRUE = {stored: dtype for dtype, (stored, _) in _STORED.items()}
_STORED_NAMES = tuple(_TRUE)  # a tuple can be asked for anything, a dict only for what has a hash
_ITEM_BYTES = {dtype: size for dtype, (_, size) in _STORED.items()} | {
    "complex32": 4,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
    "float4_e2m1fn_x2": 1,
    "quint8": 1,
    "qint8": 1,
    "qint32": 4,
}
_NAME = re.compile(r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,8})", re.ASCII)
_DESCRIBED = re.compile(r"([a-z][a-z0-9_]{0,31})\[((?:[0-9]{1,18}(?:, [0-9]{1,18})*)?)\]", re.ASCII)


class ValuesWriter:
    """Appends tensors to the file, and keeps nothing of them but their header entries.

    The first one creates the file.
    """

    def __init__(self, path: str, budget: int) -> None:
        self.left = budget  # bytes that may still be kept
        self._path = path
        self._names: set[str] = set()
        self._entries: list[str] = []
        self._metadata: list[str] = []
        self._header_bytes = len(encode({_METADATA: {}}))
        self._data_bytes = 0
        self._header_is_current = True

    def add(self, name: str, dtype: str, shape: tuple[int, ...], data: Any) -> bool:
        """Write one tensor; False if there is no room for it, or the bytes are no such tensor.

        Raises OSError. The header lists the tensor only after the next `flush`.
        """
        view = memoryview(data)
        raw = view.cast("B") if view.nbytes else memoryview(b"")
        size = len(raw)
        if size > self.left or name in self._names or not _fits(dtype, shape, size):
            return False
        # safetensors allows no gaps: bytes need not lie where their dtype would be aligned.
        start = self._data_bytes
        end = start + size
        described = ""
        if dtype in _STORED:
            entry = _encode_entry(name, _STORED[dtype][0], shape=shape, start=start, end=end)
        else:
            entry = _encode_entry(name, "U8", shape=(size,), start=start, end=end)
            described = f"{encode(name)}:{encode(f'{dtype}{list(shape)}')}"
        grown = self._header_bytes + len(entry) + len(described) + 2
        if grown > HEADER_BYTES:
            return False
        if not self._names:
            write_at(self._path, b"", 0, truncate=True)
            self._write_header()
        write_at(self._path, raw, _LENGTH_BYTES + HEADER_BYTES + start)
        self._names.add(name)
        self._entries.append(entry)
        if described:
            self._metadata.append(described)
        self._header_bytes = grown
        self._data_bytes = end
        self._header_is_current = False
        self.left -= size
        return True

    def flush(self) -> None:
        """Make the file valid with all tensors written so far. Raises OSError."""
        if not self._header_is_current:
            self._write_header()
            self._header_is_current = True

    def _write_header(self) -> None:
        metadata = f'"{_METADATA}":{{{",".join(self._metadata)}}}'
        entries = ",".join([metadata, *self._entries])
        header = f"{{{entries}}}".encode("ascii").ljust(HEADER_BYTES)
        length = HEADER_BYTES.to_bytes(_LENGTH_BYTES, "little")
        write_at(self._path, length + header, 0)


@dataclass(frozen=True, slots=True, eq=False)
class TensorValue:
    """One kept tensor.

    `data` is its bytes in logical row-major order, little-endian, read-only. `number` tells the
    tensors of one event apart: outputs and inputs are counted as the recorder does.
    """

    dtype: str
    shape: tuple[int, ...]
    data: npt.NDArray[np.uint8]
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    dtype: str
    shape: tuple[int, ...]
    start: int  # from the beginning of the file
    size: int


@dataclass(frozen=True, slots=True)
class ValuesIndex:
    """Where in the file the tensors of each event lie. `damage` says what could not be used."""

    path: Path
    by_event: dict[int, tuple[_Kept, ...]]
    damage: str = ""

    def read(self, event: int) -> tuple[TensorValue, ...]:
        """Return the tensors kept of one event, in the order of their numbers.

        They are mapped, not loaded. Raises TraceError if the file cannot be read any more.
        """
        # Not before: what only writes a trace, or starts what does, need not wait for NumPy.
        import numpy as np

        found = self.by_event.get(event, ())
        if not found:
            return ()
        descriptor, size = open_regular(self.path)
        try:
            if any(kept.start + kept.size > size for kept in found):
                refuse(self.path, "it has become shorter since the trace was opened")
            content = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            refuse(self.path, str(error))
        finally:
            os.close(descriptor)
        return tuple(
            TensorValue(
                dtype=kept.dtype,
                shape=kept.shape,
                data=np.frombuffer(content, np.uint8, count=kept.size, offset=kept.start),
                number=kept.number,
            )
            for kept in found
        )


def read_index(path: Path) -> ValuesIndex:
    """Read the file's header.

    A file that is missing, unusable or cut gives fewer tensors, never an exception.
    """
    if not path.is_symlink() and not path.exists():
        return ValuesIndex(path, {})
    try:
        descriptor, size = open_regular(path)
        try:
            length = int.from_bytes(read_start(path, descriptor, _LENGTH_BYTES), "little")
            longest = min(size - _LENGTH_BYTES, _MAX_HEADER_BYTES)
            if not 2 <= length <= longest:
                refuse(path, f"its header cannot have {length:,} bytes")
            header = parse_object(read_start(path, descriptor, length))
        finally:
            os.close(descriptor)
    except TraceError as error:
        return ValuesIndex(path, {}, f"no tensor values: {error.message}")
    except ValueError as error:
        return ValuesIndex(path, {}, f"no tensor values: the header of {path.name}: {error}")
    return _make_index(path, header, data_start=_LENGTH_BYTES + length, file_size=size)


def _make_index(
    path: Path, header: dict[str, Any], *, data_start: int, file_size: int
) -> ValuesIndex:
    metadata = header.pop(_METADATA, None)
    described = metadata if isinstance(metadata, dict) else {}
    by_event: dict[int, list[_Kept]] = {}
    refused = 0
    for name, entry in header.items():
        numbers = _NAME.fullmatch(name)
        if numbers is None:
            continue
        event, number = int(numbers[1]), int(numbers[2])
        kept = _read_entry(
            entry,
            described.get(name),
            number=number,
            data_start=data_start,
            data_size=file_size - data_start,
        )
        if kept is None:
            refused += 1
        else:
            by_event.setdefault(event, []).append(kept)
    ordered = {event: tuple(sorted(found, key=_number_of)) for event, found in by_event.items()}
    damage = ""
    if refused:
        damage = f"{path.name}: tensors that are cut off or corrupt and not used: {refused:,}"
    return ValuesIndex(path, ordered, damage)


def _number_of(kept: _Kept) -> int:
    return kept.number


def _read_entry(
    entry: Any, described: Any, *, number: int, data_start: int, data_size: int
) -> _Kept | None:
    """Return what a header entry says if it is consistent and lies inside the file.

    `described` is the true dtype and shape of a tensor that is stored as bytes.
    """
    if not isinstance(entry, dict) or entry.get("dtype") not in _STORED_NAMES:
        return None
    stored = entry["dtype"]
    sizes = entry.get("shape")
    offsets = entry.get("data_offsets")
    if not _is_sizes(sizes) or not _is_sizes(offsets) or len(offsets) != 2:
        return None
    start, end = offsets
    if not start <= end <= data_size:
        return None
    dtype = _TRUE[stored]
    shape = tuple(sizes)
    size = end - start
    if not _fits(dtype, shape, size):
        return None
    if described is not None and stored == "U8":
        true_form = _parse_description(described)
        if true_form is None:
            return None
        dtype, shape = true_form
        if not _fits(dtype, shape, size):
            return None
    return _Kept(number=number, dtype=dtype, shape=shape, start=data_start + start, size=size)


def _parse_description(described: object) -> tuple[str, tuple[int, ...]] | None:
    """Return dtype and shape of a text such as "complex64[2, 3]"; None if it is no such text."""
    if not isinstance(described, str):
        return None
    parts = _DESCRIBED.fullmatch(described)
    if parts is None:
        return None
    dtype, sizes = parts.groups()
    if not sizes:
        return dtype, ()
    return dtype, tuple(int(size) for size in sizes.split(", "))


def _is_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _fits(dtype: str, shape: tuple[int, ...], size: int) -> bool:
    """Return True if a tensor of this dtype and shape can have `size` bytes.

    And if an array of that shape can be made: NumPy refuses more dimensions, and lengths whose
    product is too large even where one of them is 0.
    """
    if len(shape) > _MAX_DIMENSIONS:
        return False
    if math.prod(max(1, length) for length in shape) > _MAX_ELEMENTS:
        return False
    elements = math.prod(shape)
    item_bytes = _ITEM_BYTES.get(dtype)
    if item_bytes is not None:
        return elements * item_bytes == size
    # A dtype that came after this version.
    if elements == 0:
        return size == 0
    return size % elements == 0


def _encode_entry(name: str, dtype: str, *, shape: tuple[int, ...], start: int, end: int) -> str:
    fields = f'"dtype":"{dtype}","shape":{list(shape)},"data_offsets":[{start},{end}]'
    return f"{encode(name)}:{{{fields}}}"
