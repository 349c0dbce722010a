"""torch.compile with inductor"""

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer, torch.compile(layer))
