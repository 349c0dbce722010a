"""A training program that is stopped and goes on from a checkpoint, and forgets what it is told to.

It is run in this process, under a recorder that follows its state.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from reproaudit.model.events import Level
from reproaudit.trace.runs import Run
from tests.record.recording import record

EPOCH = 4  # steps
SAVED_AT = 6
STEPS = 10


@dataclass(frozen=True)
class Way:
    """How one run goes: what it forgets, where it stops, whether it goes on."""

    checkpoint: Path
    forget: str = ""
    goes_on: bool = False
    steps: int = STEPS


class Average:
    """A moving average of a model's parameters."""

    def __init__(self, model: nn.Module) -> None:
        self.shadow = {name: value.detach().clone() for name, value in model.named_parameters()}

    def update(self, model: nn.Module) -> None:
        for name, value in model.named_parameters():
            self.shadow[name].mul_(0.9).add_(value.detach(), alpha=0.1)


class Trainer:
    """Trains a model with all kinds of state that a checkpoint may hold."""

    def __init__(self, way: Way) -> None:
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        self.way = way
        self.temperature = 1.0
        self.model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1)
        )
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 2, 0.5)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        self.average = Average(self.model)
        self.noise = np.random.default_rng(4)
        self.saved: dict[str, Any] = {}

    def save(self) -> None:
        weights = self.model.state_dict()
        if self.way.forget == "buffers":
            weights = {name: value for name, value in weights.items() if "running" not in name}
        state = {
            "step": SAVED_AT,
            "model": weights,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.shadow,
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),
            "python": random.getstate(),
            "temperature": self.temperature,
            "noise": self.noise.bit_generator.state,
        }
        state.pop(self.way.forget, None)
        torch.save(state, self.way.checkpoint)

    def load(self) -> None:
        saved = self.saved = torch.load(self.way.checkpoint, weights_only=False)
        self.model.load_state_dict(saved["model"], strict=False)
        for name in ("optimizer", "scheduler", "scaler"):
            if name in saved:
                getattr(self, name).load_state_dict(saved[name])
        self.average.shadow = saved.get("average", self.average.shadow)
        self.temperature = saved.get("temperature", self.temperature)
        if "noise" in saved:
            self.noise.bit_generator.state = saved["noise"]

    def restore_streams(self) -> None:
        if "torch" in self.saved:
            torch.set_rng_state(self.saved["torch"])
        if "numpy" in self.saved:
            np.random.set_state(self.saved["numpy"])
        if "python" in self.saved:
            random.setstate(self.saved["python"])
        if self.way.forget == "nothing drawn":
            torch.rand(3)

    def train(self) -> None:
        if self.way.goes_on:
            self.load()
            if self.way.forget == "iterator":
                self.restore_streams()
        step = SAVED_AT if self.way.goes_on else 0
        made = torch.Generator().manual_seed(5)
        data = TensorDataset(torch.randn(32, 4, generator=made))
        sampler = DistributedSampler(data, num_replicas=1, rank=0, shuffle=True, seed=3)
        loader = DataLoader(data, batch_size=8, sampler=sampler)
        skipped = step % EPOCH
        while step < self.way.steps:
            if not (self.way.goes_on and self.way.forget == "epoch"):
                sampler.set_epoch(step // EPOCH)
            for number, (x,) in enumerate(loader):
                if number < skipped and self.way.forget != "position":
                    continue
                if self.way.goes_on and step == SAVED_AT and self.way.forget != "iterator":
                    self.restore_streams()
                skipped = 0
                self.step(x)
                step += 1
                if step == SAVED_AT:
                    self.save()
                if step == self.way.steps:
                    break

    def step(self, x: torch.Tensor) -> None:
        drawn = np.random.rand() + self.noise.random() + random.random()
        x = x + 0.01 * float(drawn)
        self.temperature *= 1.01
        loss = (self.model(x) / self.temperature).square().mean()
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step()
        self.average.update(self.model)


def run(folder: Path, way: Way, level: Level = Level.BOUNDARY) -> Run:
    """Train in this process, and return what was recorded."""

    def train() -> None:
        Trainer(way).train()

    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        trace, _ = record(folder, train, level, state=True)
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])
    return Run(0, (("", trace),))


def run_through(folder: Path, level: Level = Level.BOUNDARY) -> Run:
    """Return an uninterrupted run."""
    return run(folder, Way(folder / "through.pt"), level)


def go_on(folder: Path, forget: str = "", level: Level = Level.BOUNDARY) -> tuple[Run, Run]:
    """Return a run that is stopped, and one that goes on."""
    checkpoint = folder / "checkpoint.pt"
    return (
        run(folder, Way(checkpoint, forget, steps=SAVED_AT)),
        run(folder, Way(checkpoint, forget, goes_on=True), level),
    )
