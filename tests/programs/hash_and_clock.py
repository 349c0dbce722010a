"""A vocabulary in hash order, in a program that also looks at the clock for its log, as most do."""

import time

import torch
from plain_sgd import SGD

started = time.time()
torch.manual_seed(0)
words = "the quick brown fox jumps over the lazy dog while a slow green turtle swims".split()
vocabulary = {word: number for number, word in enumerate(set(words))}  # source
elapsed = time.time() - started
ids = torch.tensor([vocabulary[word] for word in words])
model = torch.nn.Sequential(
    torch.nn.Embedding(len(vocabulary), 4), torch.nn.Linear(4, len(vocabulary))
)
optimizer = SGD(model.parameters(), lr=0.1)
for _ in range(2):
    loss = torch.nn.functional.cross_entropy(model(ids[:-1]), ids[1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{elapsed:.6f} s to prepare, {time.time() - started:.3f} s in all, loss {loss.item()}")
