"""A random.py beside the program"""

import random

import torch

print(random.__doc__)
torch.manual_seed(0)
print(float(torch.randn(3).sum()))
