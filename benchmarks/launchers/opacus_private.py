"""Opacus: differentially private training, which draws noise of its own"""

import sys
import warnings

import torch
from opacus import PrivacyEngine
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

PLANTED = "--planted" in sys.argv


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    points, labels = torch.randn(128, 8), torch.randint(0, 3, (128,))
    loader = DataLoader(TensorDataset(points, labels), batch_size=32)
    noise = torch.Generator().manual_seed(0)
    if PLANTED:
        noise.seed()  # planted
    engine = PrivacyEngine(accountant="rdp")
    model, optimizer, loader = engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        noise_generator=noise,
    )
    for epoch in range(2):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.6f} epsilon {engine.get_epsilon(1e-5):.2f}")


if __name__ == "__main__":
    main()
