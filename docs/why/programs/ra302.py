"""SQLite shuffles the rows by a generator that cannot be seeded."""

import sqlite3

import torch

rows = sqlite3.connect(":memory:")
rows.execute("create table samples (value real)")
rows.executemany("insert into samples values (?)", [(number / 64,) for number in range(64)])
shuffled = rows.execute("select value from samples order by random()").fetchall()

torch.manual_seed(0)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in torch.tensor(shuffled).split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
