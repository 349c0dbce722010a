"""Rows that a database gives in random order, below every hook that Python code can set."""

import sqlite3

import torch
from plain_sgd import SGD

torch.manual_seed(0)


class Table:
    """Rows of numbers and the sum of each."""

    def __init__(self, size):
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE samples (x REAL, y REAL)")
        self.connection.executemany(
            "INSERT INTO samples VALUES (?, ?)", [(0.1 * i, 0.3 * i + 1) for i in range(size)]
        )

    def rows(self):
        query = "SELECT x, y FROM samples ORDER BY RANDOM()"
        cursor = self.connection.execute(query)
        samples = cursor.fetchall()  # source
        print(len(samples))
        return samples


table = Table(12)
samples = table.rows()
model = torch.nn.Linear(1, 1)
optimizer = SGD(model.parameters(), lr=0.01)
for x, y in samples:
    loss = (model(torch.tensor([x])) - torch.tensor([y])).square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model.weight.item(), model.bias.item())
