"""A product of matrices is split by its size, and another split rounds otherwise."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 5))


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    return model(x)
