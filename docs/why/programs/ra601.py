"""A convolution is rounded by the library that computes it."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3), torch.nn.Flatten(), torch.nn.Linear(14400, 1)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
x = torch.randn(4, 3, 32, 32)
for _ in range(5):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
