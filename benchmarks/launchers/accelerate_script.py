"""accelerate, in a script of one's own; by itself, or started by `accelerate launch`"""

import sys

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

PLANTED = "--planted" in sys.argv


class Points(Dataset):
    def __init__(self):
        self.points = torch.randn(192, 8)
        self.labels = torch.randint(0, 3, (192,))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, place):
        point = self.points[place]
        if PLANTED:
            point = point + float(np.random.default_rng().normal())  # planted
        return point, self.labels[place]


def main():
    set_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    loader = DataLoader(Points(), batch_size=16, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for epoch in range(2):
        for points, labels in loader:
            with accelerator.accumulate(model):
                loss = F.cross_entropy(model(points), labels)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        accelerator.print(f"epoch {epoch} loss {loss.item():.6f}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
