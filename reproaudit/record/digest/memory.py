"""The memory of this process as bytes, read in place by their addresses."""

from __future__ import annotations

import ctypes
import sys

# A slice of it is the memory itself, and nothing is copied. A view that ctypes makes at an address
# tells every audit hook of the process, ours among them: it took three times as long as a slice
# (545 ns against 172, digest of a small tensor included). Nothing guards it: ask only for what is
# known to be there.
MEMORY = memoryview((ctypes.c_char * (sys.maxsize >> 1)).from_address(0))
