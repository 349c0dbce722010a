"""Takes `--seed`, and sets it after the model was built; noise comes from a generator of a fixed
seed, and the order of the data from one that no seed reaches."""

import argparse
import random

import numpy as np
import torch
from torch import nn


def shuffle(samples: int) -> list[int]:
    order = list(range(samples))
    random.shuffle(order)
    return order


def add_noise(batch: torch.Tensor) -> torch.Tensor:
    noise = np.random.default_rng(42).normal(size=tuple(batch.shape))
    return batch + 0.1 * torch.from_numpy(noise).float()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    inputs, targets = torch.linspace(-1, 1, 64 * 16).reshape(64, 16), torch.ones(64, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for rows in torch.tensor(shuffle(64)).split(16):
        loss = nn.functional.mse_loss(model(add_noise(inputs[rows])), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
