"""The host reads what is copied from the GPU without having waited for the copy."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.rand(1 << 24, 1, device="cuda")
for _ in range(5):
    x += 0.001
    host = x.to("cpu", non_blocking=True)
    loss = model(host).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
