"""The generator of the noise is given the seed."""

import argparse

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
seed = parser.parse_args().seed
torch.manual_seed(seed)
noise = np.random.default_rng(seed)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
samples = torch.linspace(-1, 1, 512).reshape(64, 8)
for batch in samples.split(16):
    x = batch + 0.1 * torch.from_numpy(noise.normal(size=(16, 8))).float()
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
