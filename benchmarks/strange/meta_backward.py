"""Backward on meta tensors"""

import torch

layer = torch.nn.Linear(4, 2, device="meta")
layer(torch.empty(3, 4, device="meta")).sum().backward()
print(layer.weight.grad.shape)
