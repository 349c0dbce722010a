"""Trains with every kind of state, saves it after some steps, and goes on from there.

`--forget` names what is not restored: a run which forgets nothing equals an uninterrupted one.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

SAMPLES = 16
BATCH = 4


class Noisy(Dataset):
    """Samples to which a draw from NumPy's global stream is added."""

    def __init__(self) -> None:
        self.samples = torch.randn(SAMPLES, 6, generator=torch.Generator().manual_seed(5))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.samples[index] + float(numpy.random.rand()) / 10


class EpochSampler(Sampler):
    """Another order in each epoch, by its number, from a position on."""

    def __init__(self) -> None:
        self.epoch = 0
        self.position = 0

    def __iter__(self) -> Iterator[int]:
        drawn = torch.Generator().manual_seed(self.epoch)
        order = torch.randperm(SAMPLES, generator=drawn).tolist()
        begin, self.position = self.position, 0
        return iter(order[begin * BATCH :])

    def __len__(self) -> int:
        return SAMPLES


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--until", type=int, default=9)
    parser.add_argument("--save-at", type=int, default=6)
    parser.add_argument("--checkpoint", default="last.pt")
    parser.add_argument("--forget", default="")
    options = parser.parse_args()

    random.seed(1)
    numpy.random.seed(2)
    torch.manual_seed(3)
    sampler = EpochSampler()
    loader = DataLoader(Noisy(), batch_size=BATCH, sampler=sampler)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_factor=1.7, growth_interval=2)
    step = 0
    holders = {
        "model": model,
        "average": average,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "scaler": scaler,
    }
    kept = {}
    if Path(options.checkpoint).exists():
        kept = torch.load(options.checkpoint, weights_only=False)
        kept = {name: kept[name] for name in kept if name not in options.forget}
        for name in holders.keys() & kept.keys():
            holders[name].load_state_dict(kept[name])
        step = kept["step"]

    streams = {
        "python": (random.getstate, random.setstate),
        "numpy": (numpy.random.get_state, numpy.random.set_state),
        "torch": (torch.get_rng_state, torch.set_rng_state),
    }
    per_epoch = SAMPLES // BATCH
    while step < options.until:
        epoch, sampler.position = divmod(step, per_epoch)
        sampler.epoch = epoch
        if kept and "sampler" in options.forget:
            sampler.epoch = epoch - kept["step"] // per_epoch
        batches = iter(loader)
        for name in streams.keys() & kept.keys():
            streams[name][1](kept[name])
        kept = {"step": kept["step"]} if kept else {}
        for batch in batches:
            target = batch.sum(1, keepdim=True) * random.random()
            loss = (model(batch) - target).square().mean()
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            average.update_parameters(model)
            step += 1
            if step == options.save_at:
                state = {name: holder.state_dict() for name, holder in holders.items()}
                state |= {name: get() for name, (get, _) in streams.items()}
                torch.save({**state, "step": step}, options.checkpoint)
            if step == options.until:
                break
    print(f"scale {scaler.get_scale()}, learning rate {scheduler.get_last_lr()[0]}")
    torch.save(average.module.state_dict(), "final.pt")


if __name__ == "__main__":
    main()
