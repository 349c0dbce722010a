"""Operators at the depth at which the recursion limit is met, and how deep that was"""

import sys

import torch
from plain_training import train


def descend(depth):
    torch.ones(1)
    try:
        return descend(depth + 1)
    except RecursionError:
        return depth


torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
sys.setrecursionlimit(500)
print(descend(0) > 400)
