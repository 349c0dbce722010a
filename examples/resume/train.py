"""Trains with a learning rate that falls, and goes on from `last.pt` if it is there. The checkpoint
holds the model and the optimizer; the scheduler and the random state are forgotten."""

from pathlib import Path

import torch
from torch import nn

CHECKPOINT = Path("last.pt")


def main() -> None:
    torch.manual_seed(0)
    inputs, targets = torch.randn(12, 8, 16), torch.randn(12, 8, 1)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
    first = 0
    if CHECKPOINT.exists():
        saved = torch.load(CHECKPOINT)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
    for step in range(first, 12):
        loss = nn.functional.mse_loss(model(inputs[step]), targets[step])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step + 1}, CHECKPOINT)


if __name__ == "__main__":
    main()
