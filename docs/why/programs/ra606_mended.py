"""Each row is centred by its own mean."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 5)


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    return model(x - x.mean(dim=1, keepdim=True))
