"""The layers."""

import torch
from torch import nn
from torch.nn import functional as F


class CausalConv(nn.Module):
    """Convolve over time; an output sees no later input."""

    def __init__(self, channels, kernel_size=3):
        super().__init__()
        self.padding = kernel_size - 1
        self.conv = nn.Conv1d(channels, channels, kernel_size)

    def forward(self, x):
        return self.conv(F.pad(x.transpose(1, 2), (self.padding, 0))).transpose(1, 2)


class GatedMixer(nn.Module):
    """Mix channels through a gated linear unit, with a residual connection."""

    def __init__(self, channels, expansion=2):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 2 * expansion * channels)
        self.contract = nn.Linear(expansion * channels, channels)

    def forward(self, x):
        return x + self.contract(F.glu(self.expand(self.norm(x))))


class GaussianNoise(nn.Module):
    """Add noise in training, as a regulariser."""

    def __init__(self, scale=0.1):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn_like(x)
        return x + self.scale * noise


class AttentionPool(nn.Module):
    """Average over time with learned weights."""

    def __init__(self, channels):
        super().__init__()
        self.score = nn.Linear(channels, 1)

    def forward(self, x):
        return (self.score(x).softmax(dim=1) * x).sum(dim=1)
