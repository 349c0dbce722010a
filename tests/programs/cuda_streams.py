"""A side stream fills a buffer, and the main stream reads it without having waited."""

import torch

torch.manual_seed(0)
weight = torch.nn.Parameter(torch.ones(1, device="cuda"))
buffer = torch.zeros(1 << 24, device="cuda")
ones = torch.ones_like(buffer)
side = torch.cuda.Stream()
optimizer = torch.optim.SGD([weight], lr=1e-3)
for _ in range(2):
    optimizer.zero_grad()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(100):
            buffer += ones  # writer
    total = buffer.mean()  # source
    (weight * total).square().mean().backward()
    optimizer.step()
torch.cuda.synchronize()
