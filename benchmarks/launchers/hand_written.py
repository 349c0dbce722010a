"""Updates written by hand, without torch.optim"""

import sys

import numpy as np
import torch

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    weight = torch.randn(8, 3, requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
    for step in range(8):
        points, labels = torch.randn(32, 8), torch.randint(0, 3, (32,))
        if PLANTED:
            points += float(np.random.default_rng().normal())  # planted
        loss = torch.nn.functional.cross_entropy(points @ weight + bias, labels)
        loss.backward()
        with torch.no_grad():
            for parameter in (weight, bias):
                parameter.sub_(0.1 * parameter.grad)
                parameter.grad = None
        print(f"step {step} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
