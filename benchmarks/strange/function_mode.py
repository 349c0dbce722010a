"""A TorchFunctionMode of the program's own counts calls."""

import torch
from plain_training import train
from torch.overrides import TorchFunctionMode


class Counter(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
with Counter() as counter:
    train(torch.nn.Linear(4, 2))
print(counter.calls, "calls")
