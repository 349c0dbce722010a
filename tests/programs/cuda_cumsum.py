"""A long prefix sum adds up blocks as they are finished."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
count = 30_000_000 if device == "cuda" else 1000
values = torch.randn(count, device=device)
scale = torch.nn.Parameter(torch.ones(1, device=device))
optimizer = torch.optim.SGD([scale], lr=1e-6)
for _ in range(2):
    optimizer.zero_grad()
    sums = (values * scale.detach()).cumsum(0)  # source
    (scale * sums).square().mean().backward()
    optimizer.step()
