"""The training steps that the benchmarks time: seeded, on one device, one step per call."""

from __future__ import annotations

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
        parts = self.qkv(self.norm1(x)).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
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


GPT_SIZES = {"gpt-17M": (2048, 512, 5), "gpt-27M": (4096, 512, 8)}  # vocabulary, width, layers


def gpt_step(size: str, device: str = "cpu", batch: int = 4, time: int = 128) -> Callable[[], None]:
    """Return a step of a GPT: forward, backward, AdamW."""
    torch.manual_seed(0)
    vocabulary, width, layers = GPT_SIZES[size]
    model = Gpt(vocabulary, width, layers, time).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ids = torch.randint(0, vocabulary, (batch, time + 1)).to(device)

    def step() -> None:
        optimizer.zero_grad()
        logits = model(ids[:, :-1])
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
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
    "2000 tiny ops": tiny_ops_step,
}
