"""Whether attention is computed by matrix products. The flags are there without a GPU too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.slow]

ATTENTION = """
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
query = torch.ones(1, 2, 8, 16, requires_grad=True)
def show():
    print(torch._fused_sdp_choice(query, query, query) == SDPBackend.MATH.value)
show()
torch.backends.cuda.enable_flash_sdp(True)
torch.backends.cuda.enable_math_sdp(False)
show()
with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
    show()
with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH], set_priority=True):
    show()
show()
"""


def test_attention_is_computed_by_matrix_products_whatever_the_program_asks_for(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, ATTENTION, "sdpa.math").split() == ["True"] * 5
    assert "False" in run(tmp_path, ATTENTION)
