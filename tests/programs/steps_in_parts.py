"""Training steps that take a batch and return its loss: parts of it add up, or they do not."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
NETWORK = nn.Sequential(nn.Linear(96, 128), nn.Tanh(), nn.Linear(128, 8))
NORMALISED = nn.Sequential(nn.Linear(96, 32), nn.BatchNorm1d(32), nn.Linear(32, 8))
OPTIMIZER_OF = nn.Linear(96, 8)


def step(rows, labels):
    return F.cross_entropy(NETWORK(rows), labels)


def step_with_norm(rows, labels):
    return F.cross_entropy(NORMALISED(rows), labels)


def step_with_dropout(rows, labels):
    return F.cross_entropy(F.dropout(NETWORK(F.dropout(rows))), labels)


def step_that_ignores(rows, labels):
    ignored = torch.where(torch.arange(len(rows)) < 3, -100, labels)
    return F.cross_entropy(NETWORK(rows), ignored)  # source


def step_of_a_sum(rows, labels):
    return F.cross_entropy(NETWORK(rows), labels, reduction="sum")


def step_that_scales_gradients(rows, labels):
    hidden = NETWORK(rows)
    hidden.register_hook(lambda gradient: gradient * len(rows))
    return F.cross_entropy(hidden, labels)


def step_that_steps(rows, labels):
    loss = F.cross_entropy(OPTIMIZER_OF(rows), labels)
    loss.backward()
    torch.optim.SGD(OPTIMIZER_OF.parameters(), lr=0.1).step()
    return loss


def make_batch():
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(32, 96, generator=generator)
    return rows, torch.randint(0, 8, (32,), generator=generator)
