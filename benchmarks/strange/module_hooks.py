"""Global module hooks and settrace of the program count what happens."""

import sys

import torch
from plain_training import train

calls = [0, 0]


def on_forward(module, args, output):
    calls[0] += 1


def on_event(frame, event, argument):
    # Frames of this program alone: how torch calls itself is its own affair.
    if frame.f_globals.get("__name__") in ("__main__", "plain_training"):
        calls[1] += 1
    return on_event


torch.manual_seed(0)
torch.nn.modules.module.register_module_forward_hook(on_forward)
sys.settrace(on_event)
train(torch.nn.Linear(4, 2))
sys.settrace(None)
print(calls)
