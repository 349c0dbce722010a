"""Makes the calls that a run's settings name.

Variables that have to be there before the process starts were set by the runner.
"""

from __future__ import annotations

import random
import sys

from reproaudit.config.settings import UNLESS_REFUSED, Settings


def apply_before_torch(settings: Settings) -> None:
    """Seed Python's own generator."""
    if settings.seed is not None:
        random.seed(settings.seed)


def apply_to_numpy(settings: Settings) -> None:
    """Seed NumPy's legacy generator, which takes 32 bits. NumPy is imported."""
    if settings.seed is not None:
        sys.modules["numpy"].random.seed(settings.seed % 2**32)


def apply_to_torch(settings: Settings) -> None:
    """Apply flags and seeds to the freshly imported torch.

    A setting that is None is left as the program finds it.
    """
    import torch

    from reproaudit.record.state import flags

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    if settings.deterministic is not None:
        only_warns = settings.deterministic == "warn"
        if settings.deterministic == UNLESS_REFUSED:
            only_warns = not flags.may_differ_where_strict()
        # The flag would also fill uninitialised memory and so hide a second cause: that is a
        # setting of its own.
        flags.set_for_program((True, only_warns, bool(settings.fill_uninitialized)))
    elif settings.fill_uninitialized is not None:
        flags.set_fill(settings.fill_uninitialized)
    if settings.cudnn_benchmark is not None:
        torch.backends.cudnn.benchmark = settings.cudnn_benchmark
    if settings.cudnn_deterministic is not None:
        torch.backends.cudnn.deterministic = settings.cudnn_deterministic
    if settings.tf32 is not None:
        torch.backends.cuda.matmul.allow_tf32 = settings.tf32
        torch.backends.cudnn.allow_tf32 = settings.tf32
    if settings.seed is not None:
        torch.manual_seed(settings.seed)
