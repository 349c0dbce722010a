"""How copies are made once the repair is installed."""

from __future__ import annotations

import torch

from reproaudit.record.repairs import blocking_copies
from tests.record.repairs.running import reach_here
from tests.record.repairs.test_device_modes import Seen


def test_copies_wait_while_the_repair_is_installed_and_no_longer() -> None:
    x, y = torch.arange(4.0), torch.empty(4)
    with Seen() as seen:
        with reach_here() as reach:
            blocking_copies.install(reach)
            y.copy_(x, non_blocking=True)
        y.copy_(x, non_blocking=True)
    # An argument that equals its default does not reach the mode.
    assert seen.calls == [("aten::copy_", "absent"), ("aten::copy_", True)]
