"""python -X dev"""

import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
print(sys.flags.dev_mode, sys.warnoptions)
