"""When a forked process joins a group of ranks: from then on what it does is its training."""

from __future__ import annotations

import functools
import sys
from typing import Any

import torch

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder

_NAME = "init_process_group"
# The last makes a group where a mesh of devices is asked for before there is one.
_HOLDERS = (
    "torch.distributed",
    "torch.distributed.distributed_c10d",
    "torch.distributed.device_mesh",
)


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

    for module in map(sys.modules.get, _HOLDERS):
        if module is not None and vars(module).get(_NAME) is original:
            patches.replace(module, _NAME, init_process_group)
