"""Seeds both global streams; with the argument `late` after weights and data were drawn."""

import sys

import numpy as np
import torch
from plain_sgd import SGD


def seed():
    torch.manual_seed(0)  # torch
    np.random.seed(0)  # numpy


if sys.argv[1] == "early":
    seed()
model = torch.nn.Linear(3, 1)  # drawn
data = torch.tensor(np.random.normal(size=(8, 3)), dtype=torch.float32)
seed()
optimizer = SGD(model.parameters(), lr=0.01)
model(data).sum().backward()
optimizer.step()
