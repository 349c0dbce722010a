"""Samples are trained on in the order in which a pool of threads finishes them."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import torch


def load(index: int) -> torch.Tensor:
    time.sleep(0.002)  # a disk, a network
    return torch.full((8,), index / 64)


torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with ThreadPoolExecutor(8) as pool:
    done = as_completed([pool.submit(load, index) for index in range(64)])
    samples = [future.result() for future in done]
for x in torch.stack(samples).split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
