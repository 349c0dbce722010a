"""Reads the records of a run that W&B keeps in its folder, `run-ID.wandb`: its library only writes
and uploads them.

The format is that of LevelDB's log: a header of 7 bytes, then blocks of 32 KiB of chunks. A chunk
has a checksum, a length and a kind, and a record is one whole chunk or a first, middle ones and a
last. See https://github.com/google/leveldb/blob/main/doc/log_format.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b":W&B"
_HEADER_BYTES = 7
_BLOCK_BYTES = 1 << 15
_CHUNK = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_MOST_RECORD_BYTES = 64 << 20


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a run's file, as far as they are there whole. Raises ValueError if it
    is no such file, or broken; checksums are not looked at."""
    with path.open("rb") as file:
        if not file.read(_HEADER_BYTES).startswith(_MAGIC):
            raise ValueError(f"{path.name} is no file of W&B")
        position = _HEADER_BYTES
        record = b""
        while True:
            left = _BLOCK_BYTES - position % _BLOCK_BYTES
            if left < _CHUNK.size:
                position += len(file.read(left))
                continue
            head = file.read(_CHUNK.size)
            if len(head) < _CHUNK.size:
                return
            _, length, kind = _CHUNK.unpack(head)
            chunk = file.read(length)
            if len(chunk) < length or not _WHOLE <= kind <= _LAST:
                return  # it was cut off while it was written
            position += _CHUNK.size + length
            record = record + chunk if kind in (_MIDDLE, _LAST) else chunk
            if len(record) > _MOST_RECORD_BYTES:
                raise ValueError(f"{path.name} has a record of more than 64 MiB")
            if kind in (_WHOLE, _LAST):
                yield record
