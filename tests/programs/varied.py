"""Equal from run to run, and different when what ought not to matter is varied.

VALIDATE=1 draws from the stream that the training data is shuffled with, and FAIL=1 ends with an
error. UNSEEDED=1 differs from run to run as well.
"""

import os

import torch
from torch.utils.data import DataLoader, TensorDataset

if os.environ.get("UNSEEDED") != "1":
    torch.manual_seed(0)
if os.environ.get("FAIL") == "1":
    raise RuntimeError("asked to fail")
inputs, targets = torch.randn(16, 6), torch.randn(16, 1)
training = DataLoader(TensorDataset(inputs, targets), batch_size=8, shuffle=True)
validation = DataLoader(TensorDataset(inputs, targets), batch_size=8)
model = torch.nn.Linear(6, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(2):
    for batch, target in training:
        loss = (model(batch) - target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if os.environ.get("VALIDATE") == "1":
        for batch, target in validation:  # source
            print((model(batch) - target).abs().mean().item())
