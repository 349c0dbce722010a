"""Workers of a DataLoader add noise to samples. How their generators are seeded is the argument."""

import random
import sys

import numpy as np
import torch
from plain_sgd import SGD
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

how = sys.argv[1]


class Noisy(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        noise = (
            np.random.normal(size=3) if how in ("alike", "own-numpy") else self.rng.normal(size=3)
        )
        return torch.tensor(noise, dtype=torch.float32) + index


class Sharded(IterableDataset):
    """Each worker shuffles alike, on purpose, and takes its own share of what comes out."""

    def __init__(self):
        self.rng = random.Random(0)

    def __iter__(self):
        order = list(range(32))
        self.rng.shuffle(order)
        info = get_worker_info()
        return (torch.full((3,), float(index)) for index in order[info.id :: info.num_workers])


def seed_worker(worker):
    own = torch.initial_seed() % 2**32
    if how == "own":
        get_worker_info().dataset.rng = np.random.default_rng(own)
    elif how in ("alike", "own-numpy"):
        np.random.seed(own if how == "own-numpy" else 0)


torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
optimizer = SGD(model.parameters(), lr=0.01)
dataset = Sharded() if how == "sharded" else Noisy()
loader = DataLoader(
    dataset, batch_size=4, num_workers=2, worker_init_fn=seed_worker, multiprocessing_context="fork"
)
for _ in range(1 if how == "sharded" else 2):
    for batch in loader:  # loop
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()
