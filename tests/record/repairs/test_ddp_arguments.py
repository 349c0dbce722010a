"""What DistributedDataParallel is given while a repair or a variation is installed."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from torch.nn.parallel import DistributedDataParallel

from reproaudit.record.repairs import bucket_views, fixed_buckets, small_buckets
from tests.record.repairs.running import reach_here


@pytest.mark.parametrize(
    ("repair", "given"),
    [
        (fixed_buckets, (25, False)),
        (small_buckets, (1e-6, False)),
        (bucket_views, (3, True)),
    ],
)
def test_an_argument_is_replaced_and_the_others_are_as_the_program_gives_them(
    repair: ModuleType, given: tuple[float, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def initialise(
        self: Any,
        module: Any,
        bucket_cap_mb: float | None = None,
        gradient_as_bucket_view: bool = False,
    ) -> None:
        seen.append((bucket_cap_mb, gradient_as_bucket_view))

    monkeypatch.setattr(DistributedDataParallel, "__init__", initialise)
    with reach_here() as reach:
        repair.install(reach)
        DistributedDataParallel(None, bucket_cap_mb=3)  # type: ignore[arg-type]
    DistributedDataParallel(None, bucket_cap_mb=3)  # type: ignore[arg-type]
    assert seen == [given, (3, False)]


def test_a_version_without_the_argument_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def initialise(self: Any, module: Any) -> None:
        return

    monkeypatch.setattr(DistributedDataParallel, "__init__", initialise)
    with reach_here() as reach:
        fixed_buckets.install(reach)
        assert DistributedDataParallel.__init__ is initialise
