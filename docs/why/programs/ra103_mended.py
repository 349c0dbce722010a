"""Each worker's generator gets the seed that the DataLoader has given to the worker."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

generator = None


def start_worker(_: int) -> None:
    global generator
    generator = np.random.default_rng(torch.initial_seed())


class Augmented(Dataset):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = generator.normal(size=8).astype(np.float32)
        return torch.full((8,), index / 64) + 0.1 * torch.from_numpy(noise)


torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(Augmented(), batch_size=16, num_workers=2, worker_init_fn=start_worker)
for x in loader:
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
