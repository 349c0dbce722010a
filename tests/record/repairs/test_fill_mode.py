"""Which memory the mode fills, and which threads it is entered in."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from reproaudit.record.repairs.fill_mode import FillMode, enter_everywhere
from tests.record.repairs.running import is_untouched, reach_here

KEPT = """
import torch
from torch._subclasses import FakeTensorMode
values = torch.arange(6.0)
print(values.resize_(4).tolist(), values.resize_(6).tolist())
print(values.resize_(2, 2).resize_as_(torch.ones(3, 2)).tolist())
print(torch.arange(4).resize_(6)[:4].tolist(), torch.empty(3, out=torch.ones(3)).tolist())
print(torch.add(values, 1, out=torch.empty(0)).tolist(),
      torch.arange(3.0).share_memory_().resize_(3).tolist())
with FakeTensorMode():
    print(torch.empty(3) + torch.ones(3))
print(torch.empty(3, device="meta"), torch.empty(2, 2, layout=torch.sparse_coo), torch.empty(2, 0))
tracked = torch.empty(3, requires_grad=True)
print(tracked.is_leaf, tracked._version, torch.empty_like(tracked)._version)
quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
print(torch.empty_quantized([2], quantized).shape)
with torch.inference_mode():
    print(torch.empty(2).is_inference())
try:
    torch.empty(-1)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.slow
def test_memory_that_was_there_keeps_its_content(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, KEPT, "memory.fill")


def test_only_what_a_resize_adds_is_filled() -> None:
    with FillMode(7):
        grown = torch.ones(2, dtype=torch.uint8).resize_(4)
        shrunk = torch.ones(4, dtype=torch.uint8).resize_(2)
    assert grown.tolist() == [1, 1, 7, 7]
    assert shrunk.untyped_storage().tolist() == [1, 1, 1, 1]


def test_a_thread_with_a_run_of_its_own_is_under_the_mode_until_it_is_undone() -> None:
    class Makes(threading.Thread):
        def run(self) -> None:
            self.made = torch.empty(2, dtype=torch.uint8).tolist()

    original = threading.Thread.__dict__["_bootstrap_inner"]
    with reach_here() as reach:
        enter_everywhere(FillMode(7), reach.patches)
        thread = Makes()
        thread.start()
        thread.join()
        assert torch.empty(2, dtype=torch.uint8).tolist() == [7, 7]
    assert thread.made == [7, 7]
    assert threading.Thread.__dict__["_bootstrap_inner"] is original
