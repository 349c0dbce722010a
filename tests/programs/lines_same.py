"""A small training run that shows what it can of itself: draws, closures, locals, threads,
lifetimes, generators."""

import gc
import random
import threading
import weakref

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

random.seed(1)
np.random.seed(2)
torch.manual_seed(3)


class Waves(Dataset):
    def __init__(self, size):
        self.order = list(range(size))
        random.shuffle(self.order)

    def __len__(self):
        return len(self.order)

    def __getitem__(self, index):
        noise = np.random.normal(size=4)
        return torch.tensor(noise, dtype=torch.float32) + self.order[index], torch.rand(1)


def counted(items):
    count = 0

    def add():
        nonlocal count
        count += 1

    for item in items:
        add()
        yield count, item


def settings(rate=0.01, momentum=0.9):
    kept = locals()
    doubled = rate * 2
    return kept, doubled


died = []


class Held:
    def __del__(self):
        died.append(len(died))


def lifetimes():
    held = Held()
    seen = weakref.ref(held)
    del held
    gone = seen() is None  # with the next line it would go anyhow
    return gone, list(died)


def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(float(torch.ones(3).sum())))
    thread.start()
    thread.join()
    return found


gc.disable()
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
kept, doubled = settings()
optimizer = torch.optim.SGD(model.parameters(), lr=kept["rate"], momentum=kept["momentum"])
for number, (x, y) in counted(DataLoader(Waves(12), batch_size=4, shuffle=True)):
    loss = (model(x) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    print(number, loss.item().hex(), sorted(kept), doubled, lifetimes(), in_thread())
    optimizer.step()
print(
    [parameter.double().sum().item().hex() for parameter in model.parameters()],
    random.random(),
    np.random.rand(),
)
