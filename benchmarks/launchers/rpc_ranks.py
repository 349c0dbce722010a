"""torch.distributed.rpc: layers on another process, distributed autograd and optimizer"""

import os
import sys
import tempfile

import numpy as np
import torch
import torch.distributed.autograd as dist_autograd
import torch.multiprocessing as mp
from torch import nn
from torch.distributed import rpc
from torch.distributed.optim import DistributedOptimizer
from torch.nn import functional as F

PLANTED = "--planted" in sys.argv


class Far(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(8, 3)

    def forward(self, points):
        if PLANTED:
            points = points + float(np.random.default_rng().normal())  # planted
        return self.layer(points)

    def list_parameters(self):
        return [rpc.RRef(parameter) for parameter in self.parameters()]


def work(rank, store, planted):
    global PLANTED
    PLANTED = planted
    options = rpc.TensorPipeRpcBackendOptions(init_method=f"file://{store}", num_worker_threads=4)
    rpc.init_rpc(f"worker{rank}", rank=rank, world_size=2, rpc_backend_options=options)
    if rank == 0:
        train()
    rpc.shutdown()


def train():
    torch.manual_seed(0)
    near = nn.Linear(8, 8)
    far = rpc.remote("worker1", Far)
    parameters = far.rpc_sync().list_parameters()
    parameters += [rpc.RRef(parameter) for parameter in near.parameters()]
    optimizer = DistributedOptimizer(torch.optim.SGD, parameters, lr=0.1)
    for step in range(4):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        with dist_autograd.context() as context:
            outputs = far.rpc_sync().forward(F.relu(near(points)))
            loss = F.cross_entropy(outputs, labels)
            dist_autograd.backward(context, [loss])
            optimizer.step(context)
        print(f"step {step} loss {loss.item():.6f}")


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("TP_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(os.path.join(folder, "store"), PLANTED), nprocs=2)
