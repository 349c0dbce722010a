"""python -O"""

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
assert not __debug__, "not optimised"
print(__debug__)
