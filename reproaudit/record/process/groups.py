"""When a forked process joins a group of ranks: from then on what it does is its training."""

from __future__ import annotations

import functools
from typing import Any

import torch

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder


def watch_groups(recorder: Recorder, patches: Patches) -> None:
    """Record a forked rank from when it has joined its group, and not only from its first step.

    What it seeds, makes and draws before that decides its training, as in a rank that is a new
    interpreter.
    """
    if not torch.distributed.is_available():
        return
    from torch.distributed import distributed_c10d

    original = distributed_c10d.init_process_group

    @functools.wraps(original)
    def init_process_group(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        recorder.awake()

    for module in (torch.distributed, distributed_c10d):
        patches.replace(module, "init_process_group", init_process_group)
