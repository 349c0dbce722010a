"""The checkpoint holds no random state: dropout begins again with the seed's first numbers."""

from pathlib import Path

import torch

file = Path("last.pt")
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.linspace(-1, 1, 256).reshape(32, 8)
first = 0
if file.exists():
    saved = torch.load(file)
    model.load_state_dict(saved["model"])
    first = saved["step"]
for step in range(first, 8):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "step": step + 1}, file)
