"""Reproducible: seeded, with dropout, a clock in the log and padding that a mask removes."""

import time

import torch
from plain_sgd import SGD

torch.manual_seed(0)
started = time.time()
batch = torch.empty(8, 6)
for row in range(8):
    batch[row, : 3 + row % 4] = 1.0
mask = torch.arange(6)[None] < torch.tensor([3 + row % 4 for row in range(8)])[:, None]
x = torch.where(mask, batch, torch.zeros(()))
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
optimizer = SGD(model.parameters(), lr=1e-2)
for _ in range(4):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
print("seconds", time.time() - started)
