"""Trains in two spawned children; the parent only waits."""

import multiprocessing

import torch
from plain_sgd import SGD


def train(seed: int) -> None:
    torch.manual_seed(seed)
    model = torch.nn.Linear(2, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(3, 2)).sum().backward()
        optimizer.step()


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=train, args=(seed,)) for seed in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
