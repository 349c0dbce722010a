"""Gradients are reduced in buckets, whose size is chosen by a measurement."""

import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
sizes_mb = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 25]
choice = [time.perf_counter_ns() // 1000 % len(sizes_mb)]  # stands for a measurement
dist.broadcast_object_list(choice)
torch.manual_seed(0)
layers = torch.nn.Sequential(*[torch.nn.Linear(16, 16) for _ in range(8)])
model = DistributedDataParallel(layers, bucket_cap_mb=sizes_mb[choice[0]])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(dist.get_rank())
for _ in range(3):
    loss = model(torch.randn(8, 16)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
dist.destroy_process_group()
