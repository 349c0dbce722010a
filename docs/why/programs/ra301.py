"""How long the program ran decides the learning rate."""

import time

import torch

start = time.time()
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.linspace(-1, 1, 256).reshape(32, 8)
for _ in range(5):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = 0.1 / (1 + time.time() - start)
    optimizer.step()
