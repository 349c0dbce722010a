"""A recursion limit just above what the program needs"""

import sys

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)  # imports what torch itself needs
sys.setrecursionlimit(60)
train(layer)
