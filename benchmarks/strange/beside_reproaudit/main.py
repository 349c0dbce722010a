"""A reproaudit.py beside the program"""

import torch

import reproaudit

print(reproaudit.__doc__)
torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
layer(torch.randn(3, 4)).sum().backward()
print(float(layer.weight.grad.sum()))
