"""cuDNN's benchmark mode stays off, whatever the program sets.

The setting `cudnn_benchmark` has switched it off.
"""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import hold_cudnn


def install(reach: Reach) -> None:
    """Hold the flag against `torch.backends.cudnn.benchmark = …` and `cudnn.flags`."""
    reach.when_imported("torch", functools.partial(hold_cudnn, reach, "benchmark"))
