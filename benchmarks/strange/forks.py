"""Forty forked children, eight at a time"""

import os

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
total = 0
for _ in range(5):
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            os._exit(int(torch.full((), number)))
        children.append(child)
    total += sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
print(total)
