"""The training steps that the benchmarks time: seeded, on one device, one step per call.

python benchmarks/programs.py gpt-27M [--steps 10] [--threads 1]    the same as a program, for whole
runs
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, time, width = x.shape
        parts = (
            self.qkv(self.norm1(x))
            .view(batch, time, 3, self.heads, width // self.heads)
            .permute((2, 0, 3, 1, 4))
        )
        mixed = F.scaled_dot_product_attention(*parts.unbind(), is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary: int, width: int, layers: int, time: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(time, width)
        self.blocks = nn.ModuleList(Block(width, width // 64) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


# vocabulary, width, layers, batch: the largest is fed little, so that a step on a CPU stays near a
# second
GPT_SIZES = {
    "gpt-17M": (2048, 512, 5, 4),
    "gpt-27M": (4096, 512, 8, 4),
    "gpt-100M": (8192, 768, 13, 1),
}


def gpt_step(size: str, device: str = "cpu", time: int = 128) -> Callable[[], None]:
    """Return a step of a GPT: forward, backward, AdamW."""
    torch.manual_seed(0)
    vocabulary, width, layers, batch = GPT_SIZES[size]
    model = Gpt(vocabulary, width, layers, time).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ids = torch.randint(0, vocabulary, (batch, time + 1)).to(device)

    def step() -> None:
        optimizer.zero_grad()
        logits = model(ids[:, :-1])
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()

    return step


class Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
        self.second = nn.Sequential(
            nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        )
        self.skip = nn.Sequential(
            nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(self.first(x)) + self.skip(x))


def cnn_step(device: str = "cpu", batch: int = 16) -> Callable[[], None]:
    """Return a step of a small residual network on 32x32 images: forward, backward, SGD with
    momentum."""
    torch.manual_seed(0)
    widths = (3, 32, 32, 64, 64, 128, 128)
    blocks = [Residual(a, b, 2 if b > a > 3 else 1) for a, b in itertools.pairwise(widths)]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))
    model = nn.Sequential(*blocks, head).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    images, labels = (
        torch.randn(batch, 3, 32, 32).to(device),
        torch.randint(0, 10, (batch,)).to(device),
    )

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def lstm_step(device: str = "cpu", batch: int = 16, time: int = 64) -> Callable[[], None]:
    """Return a step of a two-layer LSTM that predicts the next token: forward, backward, clipping,
    Adam."""
    torch.manual_seed(0)
    embedding, lstm, head = (
        nn.Embedding(1000, 128),
        nn.LSTM(128, 256, 2, batch_first=True),
        nn.Linear(256, 1000),
    )
    model = nn.ModuleList((embedding, lstm, head)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    ids = torch.randint(0, 1000, (batch, time + 1)).to(device)

    def step() -> None:
        optimizer.zero_grad()
        logits = head(lstm(embedding(ids[:, :-1]))[0])
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


class Messages(nn.Module):
    """One layer of message passing: the mean of the neighbours' messages, and the own state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.send, self.keep = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(x).index_add(0, target, self.send(x)[source])
        count = torch.zeros(len(x), device=x.device).scatter_add(
            0, target, torch.ones(len(target), device=x.device)
        )
        return F.relu(self.keep(x) + total / count.clamp(min=1).unsqueeze(1))


def graph_step(
    device: str = "cpu", nodes: int = 4000, edges: int = 30_000, width: int = 64
) -> Callable[[], None]:
    """Return a step of a three-layer graph network: forward, backward, Adam."""
    torch.manual_seed(0)
    layers = nn.ModuleList(Messages(width) for _ in range(3)).to(device)
    head = nn.Linear(width, 8).to(device)
    optimizer = torch.optim.Adam([*layers.parameters(), *head.parameters()], lr=1e-3)
    features, labels = (
        torch.randn(nodes, width).to(device),
        torch.randint(0, 8, (nodes,)).to(device),
    )
    source, target = torch.randint(0, nodes, (2, edges)).to(device)

    def step() -> None:
        optimizer.zero_grad()
        x = features
        for layer in layers:
            x = layer(x, source, target)
        F.cross_entropy(head(x), labels).backward()
        optimizer.step()

    return step


def tiny_ops_step(device: str = "cpu", ops: int = 2000) -> Callable[[], None]:
    """Return a step of `ops` small elementwise ops, then one backward: nothing but overhead."""
    torch.manual_seed(0)
    x = torch.randn(16).to(device)
    weight = nn.Parameter(torch.ones(16, device=device))
    optimizer = torch.optim.SGD([weight], lr=1e-3)

    def step() -> None:
        y = x
        for _ in range(ops // 2):
            y = y * 1.0001
            y = y + 0.5
        optimizer.zero_grad()
        (y * weight).sum().backward()
        optimizer.step()

    return step


STEPS: dict[str, Callable[[str], Callable[[], None]]] = {
    "gpt-17M": lambda device: gpt_step("gpt-17M", device),
    "gpt-27M": lambda device: gpt_step("gpt-27M", device),
    "gpt-100M": lambda device: gpt_step("gpt-100M", device),
    "cnn": cnn_step,
    "lstm": lstm_step,
    "graph": graph_step,
    "tiny-ops": tiny_ops_step,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=STEPS)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    step = STEPS[options.program](options.device)
    for _ in range(options.steps):
        step()


if __name__ == "__main__":
    main()
