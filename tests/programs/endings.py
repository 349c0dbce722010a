"""Trains one step and then ends in the way its arguments name."""

import os
import signal
import sys
import threading

import torch
from plain_sgd import SGD

how = sys.argv[1:]
torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = SGD(model.parameters(), lr=0.1)
if "closed-stdout" in how:
    os.close(1)
if "chdir" in how:
    os.chdir("/")
for _ in range(100 if "catches" in how else 1):
    try:
        model(torch.ones(3, 2)).sum().backward()
        optimizer.step()
    except Exception:
        print("swallowed")
if "raises" in how:
    raise ValueError("as planned")
if "exit-3" in how:
    sys.exit(3)
if "os-exit" in how:
    os._exit(0)
if "killed" in how:
    os.kill(os.getpid(), signal.SIGKILL)
if "hangs" in how:
    threading.Event().wait()
if "in-turn" in how:  # the first one to come succeeds
    try:
        open("came-first", "x").close()
    except FileExistsError:
        sys.exit(3)
