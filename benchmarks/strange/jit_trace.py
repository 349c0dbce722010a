"""torch.jit.trace"""

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer, torch.jit.trace(layer, torch.randn(3, 4)))
