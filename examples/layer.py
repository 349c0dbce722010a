"""A layer, and a training step around it, for audits without a program.

reproaudit examples/layer.py::training_step
reproaudit examples/layer.py::TinyAttention --inputs float32[8,16,32]
"""

import torch
from torch import nn
from torch.nn import functional as F


class TinyAttention(nn.Module):
    """Causal self-attention over sequences of shape (batch, time, width)."""

    def __init__(self, width=32, heads=4):
        super().__init__()
        self.heads = heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.project_in(x).chunk(3, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.project_out(mixed.transpose(1, 2).reshape(batch, time, width))


def training_step(device="cpu"):
    """Make one seeded forward, backward and optimizer step; return the loss."""
    torch.manual_seed(0)
    model = TinyAttention().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = torch.randn(8, 16, 32, device=device)
    target = torch.randn(8, 16, 32, device=device)
    loss = F.mse_loss(model(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
