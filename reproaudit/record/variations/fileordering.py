"""The order in which folders are listed."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.files import order_listings
from reproaudit.record.variations.hold import Hold

_md5 = hashlib.md5
_fsencode = os.fsencode


def install(value: str, reach: Reach, hold: Hold) -> None:
    """List names sorted, reversed or shuffled: in the order of a checksum of each."""
    key = _scatter if value == "shuffled" else None
    order_listings(reach.patches, key=key, is_reversed=value == "reversed")


def _scatter(name: Any) -> bytes:
    return _md5(_fsencode(name), usedforsecurity=False).digest()
