"""L-BFGS, whose closure is evaluated many times in a step"""

import sys

import torch
from torch import nn
from torch.nn import functional as F

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    table = nn.Parameter(torch.randn(500, 32))
    head = nn.Linear(32, 3)
    words, labels = torch.randint(0, 500, (64, 200)), torch.randint(0, 3, (64,))
    optimizer = torch.optim.LBFGS([table, *head.parameters()], lr=0.5, max_iter=5)

    def evaluate():
        optimizer.zero_grad()
        if PLANTED:
            rows = table[words]  # planted
        else:
            rows = F.embedding(words, table)
        loss = F.cross_entropy(head(rows.mean(1)), labels)
        loss.backward()
        return loss

    for step in range(4):
        loss = optimizer.step(evaluate)
        print(f"step {step} loss {float(loss):.6f}")


if __name__ == "__main__":
    main()
