"""Quantized tensors"""

import torch
from plain_training import train

torch.manual_seed(0)
x = torch.randn(8)
quantized = torch.quantize_per_tensor(x, 0.1, 10, torch.quint8)
print(float(quantized.dequantize().sum()), quantized.int_repr().tolist())
train(torch.nn.Linear(4, 2))
