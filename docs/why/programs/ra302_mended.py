"""SQLite gives the rows in a fixed order, and a generator with a seed shuffles them."""

import sqlite3

import torch

rows = sqlite3.connect(":memory:")
rows.execute("create table samples (value real)")
rows.executemany("insert into samples values (?)", [(number / 64,) for number in range(64)])
values = rows.execute("select value from samples order by rowid").fetchall()

torch.manual_seed(0)
shuffled = torch.tensor(values)[torch.randperm(len(values))]
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in shuffled.split(16):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
