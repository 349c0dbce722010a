"""A vocabulary is numbered in the order of the alphabet."""

import torch

text = "the order of a set of strings is another one in each process"
vocabulary = {word: number for number, word in enumerate(sorted(set(text.split())))}
x = torch.tensor([vocabulary[word] for word in text.split()])

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Embedding(len(vocabulary), 4), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
