"""A TorchDispatchMode of the program's own counts operators."""

import torch
from plain_training import train
from torch.utils._python_dispatch import TorchDispatchMode


class Counter(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
with Counter() as counter:
    train(torch.nn.Linear(4, 2))
print(counter.calls, "operators")
