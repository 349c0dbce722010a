"""A random.py beside the program"""

import random

import torch

print(random.__doc__)
torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
layer(torch.randn(3, 4)).sum().backward()
print(float(layer.weight.grad.sum()))
