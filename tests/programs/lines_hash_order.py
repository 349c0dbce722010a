"""A vocabulary numbered in the order of a set of words: another one in each process."""

import torch
from plain_sgd import SGD

torch.manual_seed(0)
sentences = ["the cat sat on the mat", "a dog ran after the cat", "the bird sang to a dog"]


def words_of(text):
    return [word for word in text.split() if word]


words = [word for text in sentences for word in words_of(text)]
known = set(words)
vocabulary = {word: number for number, word in enumerate(known)}  # source
encoded = [[vocabulary[word] for word in words_of(text)] for text in sentences]

embedding = torch.nn.Embedding(len(vocabulary), 4)
optimizer = SGD(embedding.parameters(), lr=0.1)
for row in encoded:
    loss = embedding(torch.tensor(row)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print([[f"{weight:.9f}" for weight in row] for row in embedding.weight.tolist()])
