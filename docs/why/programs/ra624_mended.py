"""The generator that shuffles is given the seed."""

import argparse

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
seed = parser.parse_args().seed
torch.manual_seed(seed)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
samples = torch.linspace(-1, 1, 512).reshape(64, 8)
order = np.random.default_rng(seed).permutation(64)
for x in samples[order].split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
