"""torch.multiprocessing.spawn: two ranks of DistributedDataParallel over gloo"""

import os
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel


class Bag(nn.Module):
    def __init__(self, planted):
        super().__init__()
        self.planted = planted
        self.table = nn.Parameter(torch.randn(500, 32))
        self.head = nn.Linear(32, 3)

    def forward(self, words):
        if self.planted:
            rows = self.table[words]  # planted
        else:
            rows = F.embedding(words, self.table)
        return self.head(rows.mean(1))


def work(rank, store, planted):
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.set_num_threads(2)
    torch.manual_seed(0)
    model = DistributedDataParallel(Bag(planted))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(rank)
    for step in range(5):
        words, labels = torch.randint(0, 500, (64, 200)), torch.randint(0, 3, (64,))
        loss = F.cross_entropy(model(words), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0:
            print(f"step {step} loss {loss.item():.6f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(os.path.join(folder, "store"), "--planted" in sys.argv), nprocs=2)
