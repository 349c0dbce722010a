"""A sum over many rows is added up by the kernel that this processor can run."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(100_000, 8)
for _ in range(5):
    loss = model(x).square().sum() / len(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
