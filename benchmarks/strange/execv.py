"""The program replaces itself to set PYTHONHASHSEED."""

import os
import sys

if os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.argv])

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
print(hash("a"))
