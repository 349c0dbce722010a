"""The records of a trace as NumPy reads them: for those who read, not for those who write."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.trace.schema import EVENT_FIELDS

EVENT = np.dtype([(name, kind, *map(tuple, length)) for name, kind, *length in EVENT_FIELDS])
assert EVENT.itemsize == 64
Events = npt.NDArray[np.void]
