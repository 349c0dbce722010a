"""A clean program that touches what interventions change: all is seeded, sorted, joined, and
written before read."""

import concurrent.futures
import datetime
import os
import random
import sqlite3
import tempfile
import threading
import time
import uuid

import numpy as np
import torch
from plain_sgd import SGD
from torch.utils.data import DataLoader, Dataset


class Waves(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        noise = np.random.default_rng(index).normal(size=4) + random.Random(index).random()
        return torch.tensor(noise, dtype=torch.float32), torch.full((1,), float(index))


def features_of_files():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("b", "a", "c"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(name * 3)
        return [len(name) + ord(name) for name in sorted(os.listdir(folder))]


def features_of_database():
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, x REAL)")
        database.executemany("INSERT INTO rows VALUES (?, ?)", [(i, i * 0.5) for i in range(8)])
        return [x for (x,) in database.execute("SELECT x FROM rows ORDER BY id")]


def features_of_threads():
    slots = [0.0] * 4

    def work(number):
        slots[number] = float(torch.ones(number + 1).sum())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = {pool.submit(pow, number, 2): number for number in range(4)}
        for task in concurrent.futures.as_completed(tasks):
            slots[tasks[task]] += task.result()
    return slots


def main():
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    started, run_id, day = time.time(), uuid.uuid4(), datetime.datetime.now()
    vocabulary = {word: number for number, word in enumerate(sorted({"red", "green", "blue"}))}
    known = (
        features_of_files()
        + features_of_database()
        + features_of_threads()
        + list(vocabulary.values())
    )
    known += [random.random(), float(np.random.rand()), float(torch.rand(()))]
    base = torch.tensor(known).mean()
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Dropout(0.1), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    )
    optimizer = SGD(model.parameters(), lr=0.01)
    loader = DataLoader(Waves(), batch_size=4, shuffle=True, num_workers=2)
    for batch, target in loader:
        scratch = torch.empty_like(batch).copy_(batch)
        loss = (model(scratch) * base - target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(run_id, day, f"{time.time() - started:.3f} s, pid {os.getpid()}, loss {loss.item()}")


if __name__ == "__main__":
    main()
