"""Takes a seed; `--way` says what it does with it, well or badly: one way, or several."""

import argparse
import random

import helper_library
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--way", default="well")
args = parser.parse_args()
ways = args.way.split(",")
torch.set_num_threads(1)


class Samples(Dataset):
    def __init__(self, rng):
        self.rng = rng

    def __len__(self):
        return 8

    def __getitem__(self, place):
        noise = 0.01 * random.random()
        if self.rng is not None:
            noise += self.rng.normal()  # numpy draw
        return torch.full((4,), place / 8 + noise), torch.tensor([place / 8])


def seed_all(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # own function


def seed_worker(number):
    random.seed(number if "workers" in ways else torch.initial_seed())  # worker seed


def build_model():
    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))


rng = None
generator = None
workers = 0
rate = 0.1
if "late" in ways:
    seed_all(7)
    model = build_model()  # too early
    seed_all(args.seed)
elif "ignored" in ways:
    seed_all(1234)  # ignored
    model = build_model()
elif "zero" in ways:
    if args.seed:  # zero
        seed_all(args.seed)
    model = build_model()
else:
    seed_all(args.seed)
    model = build_model()
if "overwritten" in ways:
    helper_library.prepare()  # overwritten
if "constant" in ways:
    rng = np.random.default_rng(42)  # constant
if "unseeded" in ways:
    rng = np.random.default_rng()  # unseeded
if "workers" in ways or "well-workers" in ways:
    workers = 2
if "generators" in ways:
    generator = torch.Generator().manual_seed(args.seed + 1)
    rng = np.random.default_rng([args.seed, 5])
if "rate" in ways:
    rate = 0.125 * args.seed  # rate
samples = Samples(rng)
loader = DataLoader(
    samples,
    batch_size=4,
    shuffle=True,
    generator=generator,
    num_workers=workers,
    worker_init_fn=seed_worker,
)
optimizer = torch.optim.SGD(model.parameters(), lr=rate)
for inputs, targets in loader:
    loss = ((model(inputs) - targets) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
