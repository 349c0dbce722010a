"""A training step and a module, to be named rather than run."""

import torch

table = torch.nn.Parameter(torch.ones(3))


def step(device="cpu"):
    loss = (table.to(device) * 2).sum()
    loss.backward()
    return loss.detach()


def needs_arguments(batch):
    return batch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.layer(x)
