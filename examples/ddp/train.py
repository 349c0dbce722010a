"""Trains a small tagger on several ranks: torchrun --nproc-per-node 3 examples/ddp/train.py

It is reproducible. `--version kernel` looks words up by an index on rank 1 alone, whose backward
pass adds up in another order each time; `--version drift` has each rank choose the learning rate by
its own loss, so that the replicas part.
"""

from __future__ import annotations

import argparse

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

WORDS, WIDTH, TAGS, LENGTH = 50, 64, 8, 512


class Tagger(nn.Module):
    def __init__(self, is_indexed: bool) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.randn(WORDS, WIDTH))
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.tags = nn.Linear(WIDTH, TAGS)
        self.is_indexed = is_indexed

    def forward(self, sentences: torch.Tensor) -> torch.Tensor:
        if self.is_indexed:
            found = self.words[sentences]
        else:
            found = F.one_hot(sentences, WORDS).float() @ self.words
        return self.tags(F.dropout(F.relu(self.hidden(found)), 0.1))


def make_data() -> TensorDataset:
    generator = torch.Generator().manual_seed(1)
    sentences = torch.randint(0, WORDS, (96, LENGTH), generator=generator)
    return TensorDataset(sentences, sentences % TAGS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", choices=("clean", "kernel", "drift"), default="clean")
    version = parser.parse_args().version
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    # torchrun sets one thread; a parallel kernel needs two.
    torch.set_num_threads(2)
    torch.manual_seed(0)
    tagger = Tagger(is_indexed=version == "kernel" and rank == 1)
    model = DistributedDataParallel(tagger)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = make_data()
    sampler = DistributedSampler(data, seed=2)
    loader = DataLoader(data, batch_size=16, sampler=sampler)
    # Each rank has dropout masks of its own.
    torch.manual_seed(100 + rank)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for sentences, tags in loader:
            loss = F.cross_entropy(model(sentences).flatten(0, 1), tags.flatten())
            optimizer.zero_grad()
            loss.backward()
            if version == "drift":
                optimizer.param_groups[0]["lr"] = 0.05 * loss.item()
            optimizer.step()
    print(f"rank {rank}: loss {loss.item():.4f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
