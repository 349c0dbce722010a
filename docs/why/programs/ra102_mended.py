"""Each thread draws noise from a generator of its own."""

import threading
import time

import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
generators = [torch.Generator().manual_seed(part) for part in range(8)]
noise = [torch.zeros(4, 8)] * 8


def draw(part: int) -> None:
    time.sleep(0.001)  # a file is read
    noise[part] = torch.randn(4, 8, generator=generators[part])


for _ in range(5):
    threads = [threading.Thread(target=draw, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    x = torch.linspace(-1, 1, 256).reshape(32, 8) + torch.cat(noise)
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
