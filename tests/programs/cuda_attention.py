"""The gradient of each query is added up over blocks of keys with atomics."""

import sys

import torch

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
length = 4096 if device == "cuda" else 32
query, key, value = (
    torch.randn(1, 4, length, 64, device=device, dtype=torch.bfloat16, requires_grad=True)
    for _ in range(3)
)
target = torch.randn(1, 4, length, 64, device=device, dtype=torch.bfloat16)
optimizer = torch.optim.SGD([query, key, value], lr=100.0)
for _ in range(2):
    optimizer.zero_grad()
    found = torch.nn.functional.scaled_dot_product_attention(query, key, value)  # source
    (found - target).square().mean().backward()
    optimizer.step()
