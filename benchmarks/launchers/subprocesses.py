"""A program that starts itself again, by subprocess.run, for the training proper"""

import subprocess
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def train(planted):
    torch.manual_seed(0)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        if planted:
            points += float(np.random.default_rng().normal())  # planted
        loss = F.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.6f}", flush=True)


if __name__ == "__main__":
    if "--train" in sys.argv:
        train("--planted" in sys.argv)
    else:
        subprocess.run([sys.executable, __file__, "--train", *sys.argv[1:]], check=True)
