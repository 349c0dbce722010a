"""A reproaudit.py beside the program"""

import reproaudit
import torch

print(reproaudit.__doc__)
torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
layer(torch.randn(3, 4)).sum().backward()
print(float(layer.weight.grad.sum()))
