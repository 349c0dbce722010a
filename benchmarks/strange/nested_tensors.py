"""Nested tensors with the jagged layout"""

import torch

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(3):
    rows = [torch.randn(2, 4), torch.randn(3, 4)]
    batch = torch.nested.nested_tensor(rows, layout=torch.jagged)
    optimizer.zero_grad()
    layer(batch).values().square().sum().backward()
    optimizer.step()
print(float(layer.weight.detach().sum()))
