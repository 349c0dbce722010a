"""Whether flags that are held are held in children, and free again after a repetition."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import reach_here, run

pytestmark = [pytest.mark.slow]

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


def test_flags_are_held_in_a_spawned_child(tmp_path: Path) -> None:
    assert run(tmp_path, SPAWNED, "cudnn.benchmark_off", "sdpa.math").split() == ["False", "False"]


@pytest.mark.parametrize(
    "name", ["cudnn_benchmark", "cudnn_deterministic", "math_attention", "no_tf32"]
)
def test_what_a_repetition_within_one_process_holds_is_free_again_after_it(name: str) -> None:
    import importlib

    import torch

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

    before = state()
    with reach_here() as reach:
        importlib.import_module(f"reproaudit.record.repairs.{name}").install(reach)
        assert state() != before
    assert state() == before
