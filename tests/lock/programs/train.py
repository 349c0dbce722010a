"""A reproducible program whose numerics depend on the number of threads and on the processor's
instructions."""

import torch
from torch import nn

WIDTH = 48


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(WIDTH, WIDTH)
        self.activation = nn.ReLU()
        self.head = nn.Linear(WIDTH, 32)

    def forward(self, x):
        return self.head(self.activation(self.body(x)))


def main():
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-8)
    for _ in range(2):
        x = torch.randn(256, WIDTH)
        # Each sum of 65,536 numbers is split among the threads; of sixteen, some are rounded
        # otherwise.
        scale = torch.stack([row.sum() for row in torch.rand(16, 65536).exp()])
        loss = (torch.tanh(net(x)).reshape(16, -1) * scale[:, None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
