"""The program kills itself with SIGKILL."""

import os
import signal
import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
