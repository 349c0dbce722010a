"""The gradient of table[ids] adds floats with atomics, in any order."""

import os

import torch
from plain_sgd import SGD

# With more threads than cores, which of them comes first is another one in each call, on any
# machine.
if os.environ.get("OMP_NUM_THREADS") != "1":
    torch.set_num_threads(8)
torch.manual_seed(0)
table = torch.nn.Parameter(torch.randn(50, 32))
ids = torch.randint(0, 50, (30000,))
target = torch.randn(30000, 32)
optimizer = SGD([table], lr=0.5)
for _ in range(6):
    optimizer.zero_grad()
    rows = table[ids]  # source
    (rows.tanh() - target).square().mean().backward()
    optimizer.step()
