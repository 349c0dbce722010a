"""Seeds its workers by the seed that the DataLoader has given them."""

import argparse

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Augmented(Dataset):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = np.random.normal(size=8).astype(np.float32)
        return torch.full((8,), index / 64) + 0.1 * torch.from_numpy(noise)


def start_worker(_: int) -> None:
    np.random.seed(torch.initial_seed() % 2**32)


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
seed = parser.parse_args().seed
torch.manual_seed(seed)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in DataLoader(Augmented(), batch_size=16, num_workers=2, worker_init_fn=start_worker):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
