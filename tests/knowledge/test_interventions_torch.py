"""The table of interventions in how torch and the GPU compute."""

from __future__ import annotations

from reproaudit.knowledge.interventions_torch import TABLE

ENTRIES = {entry.id: entry for entry in TABLE}


def test_no_entry_claims_a_call_into_the_outside_world_or_a_stream() -> None:
    assert [entry.id for entry in TABLE if entry.calls or entry.streams] == []


def test_only_what_needs_no_gpu_is_tried_without_one() -> None:
    assert [entry.id for entry in TABLE if not entry.only_cuda] == [
        "kernels.deterministic",
        "memory.fill",
        "threads.one",
        "compile.off",
    ]


def test_what_only_a_new_process_can_take_over_is_named() -> None:
    needing = {entry.id: entry.needs_fresh_process for entry in TABLE if entry.needs_fresh_process}
    assert needing == {
        "kernels.cpu": "cublas.workspace",
        "cublas.workspace": "cublas.workspace",
        "streams.serial": "CUDA_LAUNCH_BLOCKING",
        "compile.off": "TORCHDYNAMO_DISABLE",
    }


def test_a_program_that_the_flag_would_end_is_advised_to_let_it_warn() -> None:
    refused = ENTRIES["kernels.deterministic"].patch_if_refused
    assert refused == (
        "import torch",
        "torch.use_deterministic_algorithms(True, warn_only=True)",
    )
