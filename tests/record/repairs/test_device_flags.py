"""Whether what repairs set for the GPU holds against the program's own calls. The flags are there
without a GPU too."""

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
SPAWNED = """
import multiprocessing, torch
def show():
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.enable_flash_sdp(True)
    print(torch.backends.cudnn.benchmark, torch.backends.cuda.flash_sdp_enabled(), flush=True)
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=show)
    process.start()
    process.join()
"""


def test_what_cudnn_may_do_stays_as_it_was_set(tmp_path: Path) -> None:
    written = run(tmp_path, CUDNN, "cudnn.benchmark_off", "cudnn.deterministic").splitlines()
    assert written == ["False True True"] * 4 + ["False True False"]


def test_one_flag_of_cudnn_is_held_without_the_other(tmp_path: Path) -> None:
    assert run(tmp_path, CUDNN, "cudnn.deterministic").splitlines()[1] == "True True True"
    assert run(tmp_path, CUDNN).splitlines()[1] == "True False True"


def test_attention_is_computed_by_matrix_products_whatever_the_program_asks_for(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, ATTENTION, "sdpa.math").split() == ["True"] * 5
    assert "False" in run(tmp_path, ATTENTION)


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


def test_flags_are_held_in_a_spawned_child(tmp_path: Path) -> None:
    assert run(tmp_path, SPAWNED, "cudnn.benchmark_off", "sdpa.math").split() == ["False", "False"]


@pytest.mark.parametrize(
    "name", ["cudnn_benchmark", "cudnn_deterministic", "math_attention", "no_tf32"]
)
def test_what_a_repetition_within_one_process_holds_is_free_again_after_it(name: str) -> None:
    import importlib

    import torch

    from reproaudit.record.hooks.patching import Patches
    from reproaudit.record.repairs import Reach

    def state() -> tuple[object, ...]:
        backends = torch.backends
        setters = [
            getattr(torch._C, setter) for setter in dir(torch._C) if setter.startswith("_set_")
        ]
        return (
            setters,
            torch.set_float32_matmul_precision,
            vars(type(backends.cudnn))["benchmark"].setter,
            vars(type(backends.cudnn))["allow_tf32"].setter,
            backends.cuda.flash_sdp_enabled(),
            backends.cuda.mem_efficient_sdp_enabled(),
            backends.cuda.math_sdp_enabled(),
            backends.cuda.cudnn_sdp_enabled(),
        )

    before, patches = state(), Patches()
    reach = Reach(patches, lambda depth: True, lambda module, action: action(), lambda action: None)
    try:
        importlib.import_module(f"reproaudit.record.repairs.{name}").install(reach)
        assert state() != before
    finally:
        patches.undo()
    assert state() == before
