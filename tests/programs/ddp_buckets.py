"""Three ranks that reduce their gradients in buckets whose size follows the clock.

They are forked, for each that is spawned would import torch again.
"""

import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

WORLD = 3
SIZES_MB = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 25)


def choose_size():
    """Measure, as an autotuner does, and take what seems to be best."""
    return SIZES_MB[time.perf_counter_ns() // 1000 % len(SIZES_MB)]


def train(rank, store, size):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=WORLD)
    torch.manual_seed(0)
    layers = [torch.nn.Linear(16, 16) for _ in range(8)]
    model = torch.nn.Sequential(*layers)
    model = DistributedDataParallel(model, bucket_cap_mb=size)  # the cause
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(rank)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 16)).square().mean().backward()
        optimizer.step()
    dist.destroy_process_group()


if __name__ == "__main__":
    size = choose_size() if len(sys.argv) < 2 else float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        store = f"file://{folder}/store"
        mp.start_processes(train, (store, size), nprocs=WORLD, start_method="fork")
