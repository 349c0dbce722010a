"""The second half of a buffer on the device is never written, and is used all the same."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
model = torch.nn.Linear(16, 4).to(device)
data = torch.randn(64, 16, device=device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    buffer = torch.empty(128, 16, device=device)  # source
    buffer[:64] = data
    model(buffer.nan_to_num().clamp(-1, 1)).square().mean().backward()
    optimizer.step()
