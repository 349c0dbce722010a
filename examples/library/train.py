"""Train a small network of the library's layers to tell the frequency of a noisy wave."""

import torch
from timelayers import AttentionPool, CausalConv, GatedMixer, GaussianNoise
from torch import nn
from torch.nn import functional as F


def make_waves(count, time=32):
    """Draw noisy sine waves of random frequency and phase; return them with their frequencies."""
    frequency = 1 + 4 * torch.rand(count, 1)
    phase = 6.283 * torch.rand(count, 1)
    wave = torch.sin(6.283 * frequency * torch.linspace(0, 1, time) + phase)
    return (wave + 0.1 * torch.randn(count, time)).unsqueeze(2), frequency


def main():
    torch.manual_seed(0)
    waves, frequency = make_waves(256)
    model = nn.Sequential(
        GaussianNoise(),
        nn.Linear(1, 16),
        CausalConv(16),
        GatedMixer(16),
        AttentionPool(16),
        nn.Linear(16, 1),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(5):
        total = 0.0
        for rows in torch.randperm(len(waves)).split(32):
            loss = F.mse_loss(model(waves[rows]), frequency[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}  mean loss {total / 8:.6f}")


if __name__ == "__main__":
    main()
