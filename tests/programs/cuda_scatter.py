"""Messages are summed with atomics on the GPU."""

import torch

torch.manual_seed(0)
device = torch.device("cuda")
weight = torch.nn.Parameter(torch.randn(64, 16, device=device))
source = torch.randn(200_000, 64, device=device)
target = torch.randint(0, 100, (200_000, 1), device=device).expand(-1, 16)
optimizer = torch.optim.SGD([weight], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    nodes = torch.zeros(100, 16, device=device).scatter_add(0, target, source @ weight)  # source
    nodes.tanh().square().mean().backward()
    optimizer.step()
