"""A loop of accelerate's: it saves its state mid-epoch, and goes on by skipping batches or with a
loader that has a state."""

import argparse
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch import nn
from torch.utils.data import DataLoader

STATE = "state"
PER_EPOCH = 6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--stateful", action="store_true")
    parser.add_argument("--save-at", type=int, default=9)
    options = parser.parse_args()
    set_seed(1)
    accelerator = Accelerator(
        cpu=True,
        dataloader_config=DataLoaderConfiguration(use_stateful_dataloader=options.stateful),
    )
    samples = torch.randn(24, 6, generator=torch.Generator().manual_seed(5))
    loader = DataLoader(samples, batch_size=4, shuffle=not options.stateful)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(options.dropout), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    step = 0
    if Path(STATE).exists():
        accelerator.load_state(STATE)
        step = options.save_at
    for epoch in range(step // PER_EPOCH, 3):
        batches = loader
        if not options.stateful and step % PER_EPOCH:
            batches = accelerator.skip_first_batches(loader, step % PER_EPOCH)
        for batch in batches:
            loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            step += 1
            if step == options.save_at:
                accelerator.save_state(STATE)
        print(f"epoch {epoch}: step {step}")


if __name__ == "__main__":
    main()
