"""A child leaves the session, and would stay."""

import os
import subprocess
import sys

import torch
from plain_training import train

torch.manual_seed(0)
train(torch.nn.Linear(4, 2))
sys.stdout.flush()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        nowhere = subprocess.DEVNULL
        subprocess.Popen(["sleep", "20"], stdin=nowhere, stdout=nowhere, stderr=nowhere)
    os._exit(0)
os.wait()
