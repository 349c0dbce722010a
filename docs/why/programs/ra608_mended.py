"""Nothing is drawn in eval mode."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(8, 5))
model.eval()


@torch.no_grad()
def answer(x: torch.Tensor) -> torch.Tensor:
    return model(x)
