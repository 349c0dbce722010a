"""The temperature is one number."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 5)


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(model(x) / 4, dim=1)
