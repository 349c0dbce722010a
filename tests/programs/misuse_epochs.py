"""A loader shuffles in each epoch; with the argument `alike` in the same way. A second one
evaluates, always alike."""

import sys

import torch
from plain_sgd import SGD
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.arange(16.0).reshape(16, 1))
model = torch.nn.Linear(1, 1)
optimizer = SGD(model.parameters(), lr=0.01)
loader = DataLoader(data, batch_size=8, shuffle=True)
plain = DataLoader(data, batch_size=8)
sampled = torch.Generator()
evaluation = DataLoader(data, batch_size=8, shuffle=True, generator=sampled)
for _ in range(3):
    if sys.argv[1] == "alike":
        torch.manual_seed(1)
    for (batch,) in loader:  # loop
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()
    for (batch,) in plain:
        model(batch)
    sampled.manual_seed(0)
    with torch.no_grad():
        for (batch,) in evaluation:
            model(batch)
