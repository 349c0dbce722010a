"""The program reads its standard input, which is empty."""

import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
print(repr(sys.stdin.read()))
try:
    input("? ")
except EOFError:
    print("nothing")
