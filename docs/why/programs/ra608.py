"""Dropout is left on, and draws for the batch as a whole."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(8, 5))


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(1)
    return model(x)
