"""Sums over three ranks: of two there is one order only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.slow]

PROGRAM = """
import sys, tempfile
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

def reduce(rank, store):
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=3)
    torch.manual_seed(rank)
    parts = [torch.randn(501) for _ in range(4)]
    fused = torch.cat(parts)
    alone = [part.clone() for part in parts]
    largest = parts[0].clone()
    dist.all_reduce(fused)
    for part in alone:
        dist.all_reduce(part, async_op=True).wait()
    dist.all_reduce(largest, op=dist.ReduceOp.MAX)
    seen = [torch.empty(501) for _ in range(3)]
    dist.all_gather(seen, parts[0])
    is_largest = torch.equal(largest, torch.stack(seen).amax(0))
    is_close = torch.allclose(fused, torch.cat(alone), atol=1e-5)
    if rank == 0:
        print(torch.equal(fused, torch.cat(alone)), is_close, is_largest, flush=True)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        store = f"file://{folder}/store"
        mp.start_processes(reduce, (store,), nprocs=3, start_method="fork")
"""


def test_tensors_reduced_together_are_those_reduced_alone_and_other_operations_are_untouched(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, PROGRAM).split() == ["False", "True", "True"]
    assert run(tmp_path, PROGRAM, "reduce.rank_order").split() == ["True", "True", "True"]
