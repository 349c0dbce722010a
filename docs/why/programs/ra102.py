"""Threads draw noise from the one default generator, and the system decides who is first."""

import threading
import time

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def add_noise(rows: torch.Tensor) -> None:
    time.sleep(0.001)  # a file is read
    rows += 0.1 * torch.randn(rows.shape)


for _ in range(5):
    x = torch.linspace(-1, 1, 256).reshape(32, 8)
    threads = [threading.Thread(target=add_noise, args=(rows,)) for rows in x.split(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
