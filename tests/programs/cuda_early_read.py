"""The host reads a copy to pinned memory while it is still under way."""

import torch

torch.manual_seed(0)
weight = torch.nn.Parameter(torch.ones(1))
values = torch.rand(1 << 25, device="cuda")
optimizer = torch.optim.SGD([weight], lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    values += 1
    host = values.to("cpu", non_blocking=True)  # source
    total = host.mean()  # reader
    (weight * total).square().mean().backward()
    optimizer.step()
