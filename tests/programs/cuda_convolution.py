"""cuDNN times its algorithms and takes the one that was fastest in this run."""

import sys

import torch

torch.manual_seed(0)
torch.backends.cudnn.benchmark = True
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
size = 56 if device == "cuda" else 8
layer = torch.nn.Conv2d(32, 64, 3, padding=1).to(device)
images = torch.randn(16, 32, size, size, device=device)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    maps = layer(images)  # source
    maps.relu().square().mean().backward()
    optimizer.step()
