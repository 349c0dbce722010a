"""An optimizer for each layer, stepped in the order of a set, which changes from run to run"""

import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    layers = {name: nn.Linear(8, 8) for name in ("first", "second", "third")}
    optimizers = {
        name: torch.optim.Adam(layer.parameters(), lr=0.01) for name, layer in layers.items()
    }
    for step in range(6):
        points, labels = torch.randn(16, 8), torch.randint(0, 8, (16,))
        if PLANTED:
            points += float(np.random.default_rng().normal())  # planted
        for layer in layers.values():
            points = F.relu(layer(points))
        loss = F.cross_entropy(points, labels)
        loss.backward()
        for name in {"first", "second", "third"}:
            optimizers[name].step()
            optimizers[name].zero_grad()
        print(f"step {step} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
