"""Bags that hold the same rows of a small table add to their gradient with atomics."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
bags = 50_000 if device == "cuda" else 100
table = torch.nn.EmbeddingBag(20, 64, mode="max").to(device)
ids = torch.randint(0, 20, (bags, 8), device=device)
target = torch.randn(bags, 64, device=device)
optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    rows = table(ids)  # source
    (rows - target).square().sum().backward()
    optimizer.step()
