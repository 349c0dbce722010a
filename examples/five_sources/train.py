"""Word scores from a hashed table, with five sources of divergence, each on a marked line."""

import numpy as np
import torch
import torch.nn as nn

WORDS = """the quick brown fox jumps over the lazy dog while the slow green turtle swims under a
bright orange bridge and nobody near the river says a word about it""".split()
REPEATS = 200


def build_vocabulary(words):
    return {word: number for number, word in enumerate(set(words))}  # source: hash order


def hash_places(count):
    """Give each place to two rows, one of each half: two threads write the halves of the page."""
    return torch.cat([torch.randperm(count // 2), torch.randperm(count // 2)])


def make_noise(count):
    return torch.from_numpy(np.random.rand(count)).float()  # source: NumPy is never seeded


class Scorer(nn.Module):
    def __init__(self, words, rows, size=16):
        super().__init__()
        self.table = nn.Parameter(torch.randn(words, size))
        self.bias = nn.Parameter(torch.empty(256))  # source: nothing writes it
        self.mix = nn.Linear(size + 1, 256)
        self.head = nn.Linear(256, 1)
        self.register_buffer("last", torch.zeros(rows // 2, size))

    def forward(self, ids, places, noise):
        rows = self.table[ids]  # source: its backward adds in any order
        with torch.no_grad():
            self.last[places] = rows + noise[:, None]  # source: two rows race for each place
        mixed = self.mix(torch.cat([rows, noise[:, None]], 1)) + self.bias
        return self.head(torch.tanh(mixed)).squeeze(1) + self.last[places].sum(1)


def main():
    torch.manual_seed(0)
    vocabulary = build_vocabulary(WORDS)
    ids = torch.tensor([vocabulary[word] for word in WORDS] * REPEATS)
    target = ids.float() / len(vocabulary)
    pages = [list(range(start, start + 150)) for start in range(1000, 3800, 8)]
    del pages
    places = hash_places(len(ids))
    model = Scorer(len(vocabulary), len(ids))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(4):
        noise = make_noise(len(ids))
        loss = (model(ids, places, noise) - target).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", loss.item())


if __name__ == "__main__":
    main()
