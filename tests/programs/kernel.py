"""The gradient of table[ids] adds floats with atomics, in any order."""

import torch

torch.manual_seed(0)
torch.set_num_threads(4)
table = torch.nn.Parameter(torch.randn(200, 32))
ids = torch.randint(0, 200, (6000,))
optimizer = torch.optim.SGD([table], lr=0.5)
for _ in range(4):
    optimizer.zero_grad()
    rows = table[ids]  # source
    rows.tanh().square().mean().backward()
    optimizer.step()
