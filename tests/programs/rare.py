"""About one run in ten starts from another weight: a source that five runs are likely to miss."""

import os

import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
chance = os.urandom(2)  # source
if int.from_bytes(chance, "little") < 6554:
    with torch.no_grad():
        model.weight.add_(0.01)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    loss = model(torch.ones(8, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
