"""An exception in a hook of backward, and in a closure, which the program catches"""

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)


def refuse(*args):
    raise KeyError("hook")


handle = layer.register_full_backward_hook(refuse)
try:
    layer(torch.randn(3, 4)).sum().backward()
except KeyError as error:
    print(error)
handle.remove()
try:
    optimizer.step(refuse)
except KeyError as error:
    print(error)
train(layer)
