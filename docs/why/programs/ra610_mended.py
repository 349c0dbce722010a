"""The checkpoint is loaded from where it was saved."""

from pathlib import Path

import torch

folder = Path("checkpoints")
folder.mkdir(exist_ok=True)
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.linspace(-1, 1, 256).reshape(32, 8)
first = 0
if (folder / "last.pt").exists():
    saved = torch.load(folder / "last.pt")
    model.load_state_dict(saved["model"])
    first = saved["step"]
for step in range(first, 8):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "step": step + 1}, folder / "last.pt")
