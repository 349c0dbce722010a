"""set_default_device("meta"), set_default_dtype(float64)"""

import torch
from plain_training import train

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
train(torch.nn.Linear(4, 2))
torch.set_default_device("meta")
layer = torch.nn.Linear(4, 2)
layer(torch.randn(3, 4)).sum().backward()
print(layer.weight.grad.device, layer.weight.dtype)
with torch.device("cpu"):
    train(torch.nn.Linear(4, 2))
