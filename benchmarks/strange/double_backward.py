"""Gradients of gradients"""

import torch

torch.manual_seed(0)
weight = torch.randn(4, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.01)
for _ in range(3):
    loss = (weight**3).sum()
    (first,) = torch.autograd.grad(loss, weight, create_graph=True)
    optimizer.zero_grad()
    (loss + first.square().sum()).backward()
    optimizer.step()
print(float(weight.detach().sum()))
