"""Which locales a program finds on this machine."""

from __future__ import annotations

import ctypes
import sys

_ALL_CATEGORIES = 0x1FBF if sys.platform.startswith("linux") else 0x3F


def is_installed(name: str) -> bool:
    """Return True if `locale.setlocale` would take the name; also where that cannot be known.

    Nothing is set: the C library is asked for the locale alone.
    """
    library = ctypes.CDLL(None)
    make = getattr(library, "newlocale", None)
    if make is None:
        return True
    make.restype = ctypes.c_void_p
    made = make(ctypes.c_int(_ALL_CATEGORIES), name.encode(), ctypes.c_void_p(None))
    if not made:
        return False
    library.freelocale(ctypes.c_void_p(made))
    return True
