"""How sharp the answers are follows the number of rows."""

import torch


def answer(scores: torch.Tensor) -> torch.Tensor:
    return torch.softmax(scores / len(scores), dim=1)
