"""skorch: a classifier of scikit-learn's kind"""

import sys

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

PLANTED = "--planted" in sys.argv


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(500, 32))
        self.head = nn.Linear(32, 3)

    def forward(self, words):
        if PLANTED:
            rows = self.table[words]  # planted
        else:
            rows = F.embedding(words, self.table)
        return torch.softmax(self.head(rows.mean(1)), dim=1)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    np.random.seed(0)
    words, labels = np.random.randint(0, 500, (320, 200)), np.random.randint(0, 3, 320)
    net = NeuralNetClassifier(
        Bag, max_epochs=3, lr=0.1, batch_size=64, iterator_train__shuffle=True
    )
    net.fit(words, labels)
    print("accuracy", (net.predict(words) == labels).mean())


if __name__ == "__main__":
    main()
