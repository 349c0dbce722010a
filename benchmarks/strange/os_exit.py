"""os._exit skips everything that would be done at the end."""

import os
import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
sys.stdout.flush()
os._exit(3)
