"""polars under its repair: seeded, and in order. A stand-in of it is enough to see that."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import SEED, Reach
from reproaudit.record.repairs.polars_orders import install


class Frame:
    def group_by(self, *by: str, maintain_order: bool = False) -> tuple[Any, ...]:
        return (*by, maintain_order)


@pytest.fixture
def polars(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("polars")
    seeds: list[int] = []
    for name, value in (
        ("DataFrame", type("DataFrame", (Frame,), {})),
        ("LazyFrame", type("LazyFrame", (Frame,), {})),
        ("seeds", seeds),
        ("set_random_seed", seeds.append),
    ):
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "polars", module)
    return module


def test_polars_is_seeded_and_its_groups_keep_their_order_until_that_is_undone(
    polars: ModuleType,
) -> None:
    patches = Patches()
    install(Reach(patches, lambda depth: True, lambda name, act: act(), lambda act: None))
    assert polars.seeds == [SEED]
    assert polars.DataFrame().group_by("user") == ("user", True)
    assert polars.LazyFrame().group_by("user", maintain_order=False) == ("user", True)
    patches.undo()
    assert polars.DataFrame().group_by("user") == ("user", False)
