"""Eight threads that train at once, each with a generator of its own"""

import threading

import torch

losses = [0.0] * 8


def work(number):
    generator = torch.Generator().manual_seed(number)
    weight = torch.randn(4, generator=generator).requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(3):
        loss = weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses[number] = float(weight.detach().sum())


workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(losses)
