"""cuDNN's deterministic mode stays on, whatever the program sets.

The setting `cudnn_deterministic` has switched it on.
"""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import hold_cudnn


def install(reach: Reach) -> None:
    """Hold the flag against `torch.backends.cudnn.deterministic = …` and `cudnn.flags`."""
    reach.when_imported("torch", functools.partial(hold_cudnn, reach, "deterministic"))
