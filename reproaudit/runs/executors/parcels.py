"""Files that travel as bytes: to a machine that does not see the audit's folder, and back.

A parcel is a tar archive whose names are relative to one folder.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from reproaudit.errors import SubjectError

MOST_BYTES = 1 << 30  # held in memory, on this machine and by the engine


def pack(folder: Path, names: Iterable[str]) -> bytes:
    """Return these files and folders below `folder`; one that is not there is left out.

    Raises SubjectError for more than MOST_BYTES.
    """
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name in sorted(set(names)):
            if (folder / name).exists():
                archive.add(folder / name, arcname=name, filter=_require_room(held))
    return held.getvalue()


def unpack(parcel: bytes, folder: Path, *, is_ours: bool = False) -> None:
    """Write what is in the parcel below `folder`.

    Unless it `is_ours`, with links to wherever the program's folder has them, what does not stay
    within is refused: tarfile.FilterError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(parcel)) as archive:
        archive.extractall(folder, filter="tar" if is_ours else "data")


class _require_room:
    """Refuses a member that would make the archive too large."""

    def __init__(self, held: io.BytesIO) -> None:
        self._held = held

    def __call__(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        if self._held.tell() + member.size > MOST_BYTES:
            raise SubjectError(
                f"more than {MOST_BYTES >> 20} MiB of files would have to be sent for a run",
                code="files-too-large",
                hint="name a folder that all machines see: --out DIR",
            )
        return member
