"""The temperature of the answers follows the number of rows."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 5)


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(model(x) / len(x), dim=1)
