"""Anomaly detection, saved-tensor hooks and checkpointing"""

import torch
from plain_training import train
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
packed = []


def pack(tensor):
    packed.append(tuple(tensor.shape))
    return tensor


with torch.autograd.set_detect_anomaly(True):
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        train(layer)
    train(layer, lambda x: checkpoint(layer, x, use_reentrant=False))
print(packed)
