"""An output is a dict whose items() raises, and a module overrides named_modules()."""

import torch
from plain_training import train


class Output(dict):
    def items(self):
        raise RuntimeError("not to be listed")

    def sum(self):
        return dict.__getitem__(self, "value").sum()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 2)

    def forward(self, x):
        return Output(value=self.inner(x))

    def named_modules(self, *args, **kwargs):
        raise RuntimeError("not to be asked")


torch.manual_seed(0)
net = Net()
train(net.inner, net)
