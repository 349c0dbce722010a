"""How many threads compute is decided by what else the machine does."""

import time

import torch

idle = 1 + time.time_ns() // 1000 % 2  # stands for the cores that nobody else uses
torch.set_num_threads(idle)
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(100_000, 8)
for _ in range(5):
    loss = model(x).square().sum() / len(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
