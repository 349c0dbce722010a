"""The backward of an index adds in a fixed order."""

import torch

torch.use_deterministic_algorithms(True)
torch.manual_seed(0)
table = torch.nn.Parameter(torch.randn(100, 32))
optimizer = torch.optim.SGD([table], lr=0.1)
index = torch.randint(100, (20_000,))
targets = torch.randn(20_000, 32)
for _ in range(5):
    loss = (table[index] - targets).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
