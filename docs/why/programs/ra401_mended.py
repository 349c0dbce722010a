"""The backward of an index adds in a fixed order."""

import torch

torch.use_deterministic_algorithms(True)
torch.manual_seed(0)
table = torch.nn.Parameter(torch.randn(1000, 64))
optimizer = torch.optim.SGD([table], lr=0.1)
index = torch.randint(1000, (100_000,))
for _ in range(5):
    loss = table[index].square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
