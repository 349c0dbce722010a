"""DataLoaders that load in the main process, whatever number of workers the program asks for."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from reproaudit.record.repairs import Reach

_ONLY_WITH_WORKERS = ("prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout")


def install(reach: Reach) -> None:
    """Make each DataLoader without workers. Its `worker_init_fn` is then never called.

    One whose workers were to persist draws its base seed anew in each epoch, as every other loader
    does.
    """
    reach.when_imported("torch", functools.partial(_replace_loader, reach))


def _replace_loader(reach: Reach) -> None:
    from torch.utils.data import DataLoader

    original = DataLoader.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> None:
        call = signature.bind(*args, **kwargs)
        given = call.arguments
        # What PyTorch refuses anyway, such as a negative number, is left to be refused.
        if given.get("num_workers", 0) > 0:
            given["num_workers"] = 0
            for name in _ONLY_WITH_WORKERS:
                given.pop(name, None)
        original(*call.args, **call.kwargs)

    reach.patches.replace(DataLoader, "__init__", init)
