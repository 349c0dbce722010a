"""The loss is a mean over rows."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)


def make_batch() -> torch.Tensor:
    return torch.linspace(-1, 1, 256).reshape(32, 8)


def train(x: torch.Tensor) -> torch.Tensor:
    return model(x).square().mean()
