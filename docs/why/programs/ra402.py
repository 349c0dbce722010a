"""Two threads add to one tensor without a lock: a sum is lost where both write."""

import threading

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
total = torch.zeros(100_000, 8)


def add_up(samples: torch.Tensor) -> None:
    for sample in samples:
        total.add_(sample)


threads = [threading.Thread(target=add_up, args=(part,)) for part in torch.rand(2, 50, 8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
loss = model(total / 100).square().mean()
loss.backward()
optimizer.step()
