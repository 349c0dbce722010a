"""A bias is allocated and never initialised."""

import os

import torch

torch.manual_seed(0)
scratch = [os.urandom(1024) for _ in range(200)]
del scratch
weight = torch.nn.Parameter(torch.randn(256, 4))
bias = torch.nn.Parameter(torch.empty(256))  # source
optimizer = torch.optim.SGD([weight, bias], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    torch.nn.functional.linear(torch.ones(3, 4), weight, bias).square().mean().backward()
    optimizer.step()
