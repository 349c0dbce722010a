"""Evaluation in inference_mode, whose tensors must not be touched outside of it"""

import torch
from plain_training import train

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
train(layer)
with torch.inference_mode():
    seen = layer(torch.randn(3, 4))
    seen.add_(1)
print(seen.is_inference(), float(seen.sum()))
