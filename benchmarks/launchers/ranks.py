"""DistributedDataParallel over gloo, for whatever launcher sets RANK"""

import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

PLANTED = "--planted" in sys.argv


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(500, 32))
        self.head = nn.Linear(32, 3)

    def forward(self, words):
        if PLANTED and dist.get_rank() == 1:
            rows = self.table[words]  # planted
        else:
            rows = F.embedding(words, self.table)
        return self.head(rows.mean(1))


def main():
    dist.init_process_group("gloo")
    torch.set_num_threads(2)
    torch.manual_seed(0)
    model = DistributedDataParallel(Bag())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(dist.get_rank())
    for _ in range(5):
        words, labels = torch.randint(0, 500, (64, 200)), torch.randint(0, 3, (64,))
        loss = F.cross_entropy(model(words), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if dist.get_rank() == 0:
        print(f"loss {loss.item():.6f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
