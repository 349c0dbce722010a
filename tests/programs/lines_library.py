"""Noise from NumPy's global stream, drawn as an extension does: past every function that a program
would call."""

import numpy as np
import torch
from plain_sgd import SGD

torch.manual_seed(0)
stream = np.random.mtrand._rand


def noisy(values):
    scale = 0.1
    noise = stream.standard_normal(len(values))  # source
    return [value + scale * float(extra) for value, extra in zip(values, noise, strict=True)]


model = torch.nn.Linear(4, 1)
optimizer = SGD(model.parameters(), lr=0.1)
for step in range(4):
    inputs = noisy([1.0, 2.0, 3.0, float(step)])
    loss = model(torch.tensor(inputs)).square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model.weight.tolist(), model.bias.item())
