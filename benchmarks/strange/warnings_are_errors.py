"""python -W error"""

import warnings

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
try:
    warnings.warn("of the program", stacklevel=1)
except UserWarning as warning:
    print("raised:", warning)
