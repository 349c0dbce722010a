"""Train a small convolutional variational autoencoder on drawn discs and squares."""

import argparse
import hashlib
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

SIZE = 32


def draw_images(count):
    """Draw discs and squares at random places, of random sizes."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    images = np.zeros((count, 1, SIZE, SIZE), dtype=np.float32)
    for image in images:
        radius = random.uniform(4, 10)
        row, column = np.random.uniform(radius, SIZE - radius, size=2)
        if random.random() < 0.5:
            image[0] = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        else:
            image[0] = np.maximum(abs(rows - row), abs(columns - column)) < radius
    return torch.from_numpy(images)


class VAE(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 8 * 8, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * 8 * 8),
            nn.Unflatten(1, (32, 8, 8)),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        noise = torch.randn_like(mean)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        return self.decoder(latent), mean, log_variance


def negative_elbo(logits, images, mean, log_variance):
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
    return (reconstruction + divergence) / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)

    loader = DataLoader(
        TensorDataset(draw_images(args.images)), batch_size=args.batch_size, shuffle=True
    )
    model = VAE(args.latent)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    for epoch in range(args.epochs):
        total = 0.0
        for (images,) in loader:
            logits, mean, log_variance = model(images)
            loss = negative_elbo(logits, images, mean, log_variance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        print(f"epoch {epoch + 1}  negative ELBO {total / args.images:.4f}")

    digest = hashlib.sha256(
        b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    ).hexdigest()
    print(f"parameters {digest[:16]}")


if __name__ == "__main__":
    main()
