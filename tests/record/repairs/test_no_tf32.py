"""Whether TF32 stays off by either way of setting it. The flags are there without a GPU too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.slow]

PRECISION = """
import torch
backends = torch.backends
cudnn = backends.cudnn
places = (backends, backends.cuda.matmul, cudnn.conv, cudnn.rnn, cudnn)
def new():
    print(*(where.fp32_precision in ("ieee", "none") for where in places))
def old():
    print(backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32,
          torch.get_float32_matmul_precision())
if {old}:
    backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high")
    with backends.cudnn.flags(enabled=True, allow_tf32=True):
        old()
    old()
else:
    for where in places:
        where.fp32_precision = "tf32"
    new()
    backends.mkldnn.matmul.fp32_precision = "bf16"
    print(backends.mkldnn.matmul.fp32_precision)
"""


def test_tf32_stays_off_by_the_old_way_and_by_the_new_one_and_both_can_be_read(
    tmp_path: Path,
) -> None:
    old, new = (
        run(tmp_path, PRECISION.format(old=old), "tf32.off").splitlines() for old in (True, False)
    )
    assert old == ["False False highest"] * 2
    assert new == ["True True True True True", "bf16"]


def test_tf32_is_on_without_the_repair(tmp_path: Path) -> None:
    assert run(tmp_path, PRECISION.format(old=True)).splitlines()[-1] == "True True high"
    assert (
        run(tmp_path, PRECISION.format(old=False)).splitlines()[0]
        == "False False False False False"
    )
