"""Trains a tiny model of text. It depends on two things that ought not to matter: the order of a
set, which gives each word its number, and the number of threads, which changes the order of a sum."""

import torch
from torch import nn

TEXT = "the cat ran after the red ball and the dog ran after the cat until both sat on the mat"


def number_words(text: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(set(text.split()))}


def main() -> None:
    torch.manual_seed(0)
    numbers = number_words(TEXT)
    words = torch.tensor([numbers[word] for word in TEXT.split()])
    table = nn.Embedding(len(numbers), 32)
    head = nn.Linear(32, len(numbers))
    parameters = [*table.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    prior = torch.randn(1_000_000)
    for _ in range(5):
        scores = head(table(words[:-1]))
        penalty = (prior * scores.mean()).square().sum() / len(prior)
        loss = nn.functional.cross_entropy(scores, words[1:]) + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
