"""Lightning's Fabric, a loop of one's own"""

import sys

import numpy as np
import torch
from lightning.fabric import Fabric, seed_everything
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

PLANTED = "--planted" in sys.argv


class Points(Dataset):
    def __init__(self):
        self.points = torch.randn(128, 8)
        self.labels = torch.randint(0, 3, (128,))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, place):
        point = self.points[place]
        if PLANTED:
            point = point + float(np.random.default_rng().normal())  # planted
        return point, self.labels[place]


def main():
    seed_everything(0)
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 3))
    model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    loader = fabric.setup_dataloaders(DataLoader(Points(), batch_size=32, shuffle=True))
    for epoch in range(3):
        for points, labels in loader:
            loss = F.cross_entropy(model(points), labels)
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=1.0)
            optimizer.step()
        fabric.print(f"epoch {epoch} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
