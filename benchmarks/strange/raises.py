"""The program ends with an exception."""

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
raise ValueError("ended")
