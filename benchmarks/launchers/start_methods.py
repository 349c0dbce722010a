"""Two children that train, by multiprocessing's fork, spawn or forkserver"""

import multiprocessing
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def work(number, planted):
    torch.manual_seed(number)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        if planted and number == 1:
            points += float(np.random.default_rng().normal())  # planted
        loss = F.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"child {number} loss {loss.item():.6f}", flush=True)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    children = [
        context.Process(target=work, args=(number, "--planted" in sys.argv)) for number in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
