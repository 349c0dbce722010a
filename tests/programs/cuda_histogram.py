"""Weights of a few classes are counted with atomics."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
count = 2_000_000 if device == "cuda" else 1000
labels = torch.randint(0, 10, (count,), device=device)
weights = torch.rand(count, device=device)
scale = torch.nn.Parameter(torch.ones(10, device=device))
optimizer = torch.optim.SGD([scale], lr=1e-9)
for _ in range(2):
    optimizer.zero_grad()
    share = torch.bincount(labels, weights)  # source
    (share * scale).square().sum().backward()
    optimizer.step()
