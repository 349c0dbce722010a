"""The program profiles itself and prints which operators were called how often."""

import torch
from plain_training import train
from torch.profiler import ProfilerActivity, profile

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
with profile(activities=[ProfilerActivity.CPU]) as seen:
    train(layer)
for row in sorted(seen.key_averages(), key=lambda row: row.key):
    if row.key.startswith("aten::"):
        print(row.key, row.count)
