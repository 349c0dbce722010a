"""torch.jit.script, whose first calls execute other operators than later ones"""

import torch


@torch.jit.script
def lose(x, weight):
    y = torch.relu(x @ weight)
    return (y * 2 + 1).tanh().sum()


torch.manual_seed(0)
weight = torch.randn(4, 4, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
loss = torch.zeros(())
for _ in range(5):
    loss = lose(torch.randn(3, 4), weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(float(loss.detach()))
