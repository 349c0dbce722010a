"""Many samples fall between the same few pixels, and add their gradients there with atomics."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
count = 512 if device == "cuda" else 16
image = torch.nn.Parameter(torch.randn(1, 8, 6, 6, device=device))
grid = torch.rand(1, count, count, 2, device=device) * 2 - 1
target = torch.randn(1, 8, count, count, device=device)
optimizer = torch.optim.SGD([image], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    sampled = torch.nn.functional.grid_sample(image, grid, align_corners=False)  # source
    (sampled - target).square().sum().backward()
    optimizer.step()
