"""The split is drawn by a name that is the same for everybody."""

import random
from pathlib import Path

import torch

cache = Path.home() / ".cache" / "samples"
split = random.Random(cache.name).sample(range(64), 48)

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
samples = torch.linspace(-1, 1, 512).reshape(64, 8)[split]
for x in samples.split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
