"""The file of kept tensors, `values.safetensors`: written piece by piece with a reserved header,
read by offset.

dtype names are torch's without the prefix. A dtype that some supported release of safetensors does
not know is stored as bytes (U8); the true dtype and shape are then in `__metadata__` under the
tensor's name: "complex64[2, 3]".
"""

from __future__ import annotations

import math
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from reproaudit.errors import TraceError
from reproaudit.files import encode, open_regular, parse_object, read_start, refuse, write_at

HEADER_BYTES = 1 << 20  # room for some 13,000 tensors
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20  # what a recording reserves: a longer one is a stranger's
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 56
_METADATA = "__metadata__"

# What safetensors 0.4.3 knows: one entry of a newer dtype would make the whole file unreadable to
# it.
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
    """Appends tensors to the file and keeps nothing of them but their header entries. The first one
    creates it."""

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
        """Write one tensor; False if the budget or the header is used up, or the bytes are no such
        tensor.

        Raises OSError. The header lists the tensor only after the next `flush`.
        """
        view = memoryview(data)
        raw = view.cast("B") if view.nbytes else memoryview(b"")
        size = len(raw)
        if size > self.left or name in self._names or not _fits(dtype, shape, size):
            return False
        # Without gaps, which safetensors does not allow: bytes need not lie where their dtype would
        # be aligned.
        start, end = self._data_bytes, self._data_bytes + size
        described = ""
        if dtype in _STORED:
            entry = _entry(name, _STORED[dtype][0], shape=shape, start=start, end=end)
        else:
            entry = _entry(name, "U8", shape=(size,), start=start, end=end)
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
        self._header_bytes, self._data_bytes, self._header_is_current = grown, end, False
        self.left -= size
        return True

    def flush(self) -> None:
        """Make the file valid with all tensors written so far. Raises OSError."""
        if not self._header_is_current:
            self._write_header()
            self._header_is_current = True

    def _write_header(self) -> None:
        text = (
            "{" + ",".join([f'"{_METADATA}":{{{",".join(self._metadata)}}}', *self._entries]) + "}"
        )
        header = text.encode("ascii").ljust(HEADER_BYTES)
        write_at(self._path, HEADER_BYTES.to_bytes(_LENGTH_BYTES, "little") + header, 0)


@dataclass(frozen=True, slots=True, eq=False)
class TensorValue:
    """One kept tensor. `data` is its bytes in logical row-major order, little-endian, read-only.

    `number` tells the tensors of one event apart: outputs and inputs are counted as the recorder
    does.
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
        """Return the tensors kept of one event, in the order of their numbers. Large ones are
        mapped, not loaded."""
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
                kept.dtype,
                kept.shape,
                np.frombuffer(content, np.uint8, kept.size, kept.start),
                kept.number,
            )
            for kept in found
        )


def read_index(path: Path) -> ValuesIndex:
    """Read the file's header. A file that is missing, unusable or cut gives fewer tensors, never an
    exception."""
    if not path.is_symlink() and not path.exists():
        return ValuesIndex(path, {})
    try:
        descriptor, size = open_regular(path)
        try:
            length = int.from_bytes(read_start(path, descriptor, _LENGTH_BYTES), "little")
            if not 2 <= length <= min(size - _LENGTH_BYTES, _MAX_HEADER_BYTES):
                refuse(path, f"its header cannot have {length:,} bytes")
            header = parse_object(read_start(path, descriptor, length))
        finally:
            os.close(descriptor)
    except TraceError as error:
        return ValuesIndex(path, {}, f"no tensor values: {error.message}")
    except ValueError as error:
        return ValuesIndex(path, {}, f"no tensor values: the header of {path.name}: {error}")
    return _index(path, header, _LENGTH_BYTES + length, size)


def _index(path: Path, header: dict[str, Any], data_start: int, file_size: int) -> ValuesIndex:
    metadata = header.pop(_METADATA, None)
    described = metadata if isinstance(metadata, dict) else {}
    by_event: dict[int, list[_Kept]] = {}
    refused = 0
    for name, entry in header.items():
        numbers = _NAME.fullmatch(name)
        if numbers is None:
            continue
        kept = _checked(
            entry,
            described.get(name),
            number=int(numbers[2]),
            data_start=data_start,
            file_size=file_size,
        )
        if kept is None:
            refused += 1
        else:
            by_event.setdefault(int(numbers[1]), []).append(kept)
    ordered = {
        event: tuple(sorted(found, key=lambda kept: kept.number))
        for event, found in by_event.items()
    }
    damage = (
        f"{path.name}: tensors that are cut off or corrupt and not used: {refused:,}"
        if refused
        else ""
    )
    return ValuesIndex(path, ordered, damage)


def _checked(
    entry: Any, described: Any, *, number: int, data_start: int, file_size: int
) -> _Kept | None:
    """Return what a header entry says if it is consistent and lies inside the file."""
    if not isinstance(entry, dict) or entry.get("dtype") not in _STORED_NAMES:
        return None
    stored, shape, offsets = entry["dtype"], entry.get("shape"), entry.get("data_offsets")
    if not _is_sizes(shape) or not _is_sizes(offsets):
        return None
    if len(offsets) != 2 or not 0 <= offsets[0] <= offsets[1] <= file_size - data_start:
        return None
    dtype, size = _TRUE[stored], offsets[1] - offsets[0]
    if not _fits(dtype, tuple(shape), size):
        return None
    if described is not None and stored == "U8":
        parts = _DESCRIBED.fullmatch(described) if isinstance(described, str) else None
        if parts is None:
            return None
        dtype, shape = parts[1], [int(text) for text in parts[2].split(", ")] if parts[2] else []
        if not _fits(dtype, tuple(shape), size):
            return None
    return _Kept(
        number=number, dtype=dtype, shape=tuple(shape), start=data_start + offsets[0], size=size
    )


def _is_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _fits(dtype: str, shape: tuple[int, ...], size: int) -> bool:
    """True if a tensor of this dtype and shape can have `size` bytes and an array of that shape can
    be made."""
    if (
        len(shape) > _MAX_DIMENSIONS
        or math.prod(max(1, length) for length in shape) > _MAX_ELEMENTS
    ):
        return False
    elements = math.prod(shape)
    item = _ITEM_BYTES.get(dtype)
    if item is None:  # a dtype that came after this version
        return size % elements == 0 if elements else size == 0
    return elements * item == size


def _entry(name: str, dtype: str, *, shape: tuple[int, ...], start: int, end: int) -> str:
    return (
        f'{encode(name)}:{{"dtype":"{dtype}","shape":{list(shape)},"data_offsets":[{start},{end}]}}'
    )
