"""One optimizer that is given a set of parameters, whose order changes from run to run"""

import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(list(set(model.parameters())), lr=0.1, momentum=0.9)
    for step in range(6):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        if PLANTED:
            points += float(np.random.default_rng().normal())  # planted
        loss = F.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
