"""A forked rank is recorded from when it has joined its group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.distributed import device_mesh, distributed_c10d

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.groups import watch_groups


def test_a_rank_is_woken_once_it_has_joined_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []

    def join(*args: Any, **kwargs: Any) -> None:
        said.append((args, kwargs))

    modules = (torch.distributed, distributed_c10d, device_mesh)
    for module in modules:
        monkeypatch.setattr(module, "init_process_group", join)
    recorder: Any = SimpleNamespace(awake=lambda: said.append("awake"))
    patches = Patches()
    watch_groups(recorder, patches)
    for module in modules:
        module.init_process_group("gloo", rank=1)
    patches.undo()
    joined = (("gloo",), {"rank": 1})
    assert said == [joined, "awake"] * len(modules)
    assert [module.init_process_group for module in modules] == [join] * len(modules)
