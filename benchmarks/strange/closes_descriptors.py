"""Every descriptor from 3 on is closed, the environment is emptied, few may be open."""

import os
import resource

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)
os.closerange(3, 256)
os.environ.clear()
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
train(layer)
print(len(os.listdir("/proc/self/fd")))
