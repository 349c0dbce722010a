"""cProfile and sys.setprofile of the program count its calls."""

import cProfile
import pstats
import sys

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)
profile = cProfile.Profile()
profile.runcall(train, layer)
stats = pstats.Stats(profile).stats
print(sorted(row[:2] for key, row in stats.items() if key[0].endswith("plain_training.py")))
print(any("reproaudit" in key[0].rpartition("strange")[2] for key in stats))
calls = []


def on_event(frame, event, argument):
    if event == "call" and frame.f_globals.get("__name__") == "plain_training":
        calls.append(frame.f_code.co_name)


sys.setprofile(on_event)
train(layer)
print(sys.getprofile() is on_event, calls)
sys.setprofile(None)
