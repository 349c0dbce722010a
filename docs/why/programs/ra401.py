"""The backward of an index adds into the same rows from several threads."""

import torch

torch.manual_seed(0)
table = torch.nn.Parameter(torch.randn(1000, 64))
optimizer = torch.optim.SGD([table], lr=0.1)
index = torch.randint(1000, (100_000,))
for _ in range(5):
    loss = table[index].square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
