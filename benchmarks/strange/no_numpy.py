"""NumPy cannot be imported any more."""

import sys

import torch
from plain_training import train

torch.manual_seed(0)
sys.modules["numpy"] = None
train(torch.nn.Linear(4, 2))
