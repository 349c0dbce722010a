"""Each thread adds to a tensor of its own; the sums are added when both have ended."""

import threading
import time

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
totals = [torch.zeros(32, 8), torch.zeros(32, 8)]


def add_up(samples: torch.Tensor, total: torch.Tensor) -> None:
    for sample in samples:
        seen = total + sample
        time.sleep(0.001)  # a file is read
        total.copy_(seen)


halves = zip(torch.rand(2, 5, 8), totals, strict=True)
threads = [threading.Thread(target=add_up, args=half) for half in halves]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
loss = model(sum(totals) / 10).square().mean()
loss.backward()
optimizer.step()
