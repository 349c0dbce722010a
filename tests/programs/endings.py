"""Trains one step and then ends in the way its argument names."""

import os
import signal
import sys
import threading

import torch

how = sys.argv[1]
torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
if how == "closed-stdout":
    os.close(1)
if how == "chdir":
    os.chdir("/")
for _ in range(100 if how == "catches" else 1):
    try:
        model(torch.ones(3, 2)).sum().backward()
        optimizer.step()
    except Exception:
        print("swallowed")
if how == "raises":
    raise ValueError("as planned")
if how == "exit-3":
    sys.exit(3)
if how == "os-exit":
    os._exit(0)
if how == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if how == "hangs":
    threading.Event().wait()
if how == "coin":
    sys.exit(os.urandom(8)[0] % 7)
