"""NumPy is never seeded and decides the order of the data."""

import numpy as np
import torch
from plain_sgd import SGD

torch.manual_seed(0)
x = torch.randn(64, 4)
order = np.random.permutation(64)  # source
model = torch.nn.Linear(4, 1)
optimizer = SGD(model.parameters(), lr=0.1)
for start in range(0, 64, 16):
    optimizer.zero_grad()
    model(x[order[start : start + 16]]).square().mean().backward()
    optimizer.step()
