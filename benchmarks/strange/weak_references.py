"""Weak references, reference counts and the collector: whether a tensor lives longer"""

import gc
import sys
import weakref

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)
gc.disable()
output = layer(torch.randn(3, 4))
count = sys.getrefcount(output)
ended = weakref.ref(output)
del output
print(count, ended() is None)
gone = weakref.ref(layer)
del layer
gc.collect()
print(gone() is None)
