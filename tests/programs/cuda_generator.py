"""The noise is drawn on the device, from a generator that asks the system for its seed."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
model = torch.nn.Linear(16, 4).to(device)
data = torch.randn(64, 16, device=device)
noise = torch.Generator(device=device)
noise.seed()  # source
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    noisy = data + torch.randn(64, 16, device=device, generator=noise)
    model(noisy).square().mean().backward()
    optimizer.step()
