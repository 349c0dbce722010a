"""Whether what cuDNN may do stays as it was set, whatever the program sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.slow]

CUDNN = """
import torch
cudnn = torch.backends.cudnn
def show():
    print(cudnn.benchmark, cudnn.deterministic, cudnn.enabled)
show()
cudnn.benchmark, cudnn.deterministic = True, False
show()
with cudnn.flags(enabled=True, benchmark=True, deterministic=False):
    show()
show()
cudnn.enabled = False
show()
"""


def test_what_cudnn_may_do_stays_as_it_was_set(tmp_path: Path) -> None:
    written = run(tmp_path, CUDNN, "cudnn.benchmark_off", "cudnn.deterministic").splitlines()
    assert written == ["False True True"] * 4 + ["False True False"]


def test_one_flag_of_cudnn_is_held_without_the_other(tmp_path: Path) -> None:
    assert run(tmp_path, CUDNN, "cudnn.deterministic").splitlines()[1] == "True True True"
    assert run(tmp_path, CUDNN).splitlines()[1] == "True False True"
