"""Samples are taken in the order in which they were asked for."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch


def load(index: int) -> torch.Tensor:
    time.sleep(0.002)  # a disk, a network
    return torch.full((8,), index / 64)


torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with ThreadPoolExecutor(8) as pool:
    samples = list(pool.map(load, range(64)))
for x in torch.stack(samples).split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
