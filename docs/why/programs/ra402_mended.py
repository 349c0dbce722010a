"""Each thread adds to a tensor of its own, and the sums are added when both have ended."""

import threading

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
totals = torch.zeros(2, 100_000, 8)


def add_up(samples: torch.Tensor, total: torch.Tensor) -> None:
    for sample in samples:
        total.add_(sample)


parts = zip(torch.rand(2, 50, 8), totals, strict=True)
threads = [threading.Thread(target=add_up, args=part) for part in parts]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
loss = model(totals.sum(0) / 100).square().mean()
loss.backward()
optimizer.step()
