"""Two threads add to one tensor without a lock: a sum is lost where both have read the same."""

import threading
import time

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
total = torch.zeros(32, 8)


def add_up(samples: torch.Tensor) -> None:
    for sample in samples:
        seen = total + sample
        time.sleep(0.001)  # a file is read
        total.copy_(seen)


threads = [threading.Thread(target=add_up, args=(half,)) for half in torch.rand(2, 5, 8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
loss = model(total / 10).square().mean()
loss.backward()
optimizer.step()
