"""The mean over the words of a sentence counts the padding too."""

import torch

torch.manual_seed(0)
words = torch.nn.Embedding(100, 64)
scores = torch.nn.Linear(64, 5)


def make_sentences() -> torch.Tensor:
    return torch.randint(1, 100, (16, 9), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def answer(tokens: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
    return scores(words(tokens).mean(dim=1))
