"""Calls one operator of each family on inputs that no variation touches, and prints a digest of
each result."""

import hashlib
import json

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

_generator = np.random.default_rng(0)


def make(*shape, dtype="float32"):
    return torch.from_numpy(_generator.normal(size=shape).astype(dtype))


def digest(value):
    data = value.detach().contiguous()
    if data.dtype is torch.bfloat16:
        data = data.float()
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()[:12]


def train(module, inputs):
    """Return the gradient of the first parameter."""
    module(inputs).square().sum().backward()
    return next(module.parameters()).grad


class Noise(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.rand(2)


LONG = make(1_000_000)
SQUARE, OTHER = make(512, 512), make(512, 512)
IMAGES = make(4, 8, 30, 30)
KERNELS = make(16, 8, 3, 3)
WORDS = make(4, 8, 64, 32)
ROWS = make(64, 512)

torch.manual_seed(0)
conv = torch.nn.Conv2d(8, 16, 3)
torch.nn.init.constant_(conv.weight, 0.01)
linear = torch.nn.Linear(512, 512)
with torch.no_grad():
    conv.weight.copy_(KERNELS)
    linear.weight.copy_(SQUARE)
    linear.bias.zero_()


def step_adam():
    weight = torch.nn.Parameter(ROWS.clone())
    weight.grad = ROWS.flip(0)
    optimizer = torch.optim.Adam([weight], lr=1e-3, weight_decay=0.1)
    for _ in range(3):
        optimizer.step()
    return weight


def load():
    torch.manual_seed(0)
    return torch.cat(list(DataLoader(Noise(), batch_size=2)))


RESULTS = {
    "sum of 1,000,000": LONG.sum,
    "dot": lambda: LONG.dot(LONG.flip(0)),
    "mm float32": lambda: SQUARE @ OTHER,
    "mm float64": lambda: SQUARE.double() @ OTHER.double(),
    "mm bfloat16": lambda: SQUARE.bfloat16() @ OTHER.bfloat16(),
    "nn.Linear": lambda: linear(ROWS),
    "nn.Linear, its gradient": lambda: train(linear, ROWS),
    "nn.Conv2d": lambda: conv(IMAGES),
    "nn.Conv2d, its gradient": lambda: train(conv, IMAGES),
    "F.conv2d": lambda: F.conv2d(IMAGES, KERNELS),
    "softmax": lambda: ROWS.softmax(1),
    "layer_norm": lambda: F.layer_norm(ROWS, (512,)),
    "batch_norm": lambda: F.batch_norm(IMAGES, None, None, training=True),
    "attention": lambda: F.scaled_dot_product_attention(WORDS, WORDS, WORDS),
    "cross_entropy": lambda: F.cross_entropy(ROWS, torch.arange(64)),
    "cumsum": lambda: LONG.cumsum(0),
    "index_add": lambda: torch.zeros(7).index_add(0, torch.arange(70_000) % 7, LONG[:70_000]),
    "interpolate": lambda: F.interpolate(IMAGES, scale_factor=1.7, mode="bilinear"),
    "fft": lambda: torch.fft.rfft(LONG[:65_536]).real,
    "svd": lambda: torch.linalg.svdvals(SQUARE),
    "exp": LONG.exp,
    "tanh": LONG.tanh,
    "gelu": lambda: F.gelu(LONG),
    "add": lambda: LONG + 1,
    "sort": lambda: LONG.sort().values,
    "randn": lambda: torch.randn(1000, generator=torch.Generator().manual_seed(0)),
    "randperm": lambda: torch.randperm(1000, generator=torch.Generator().manual_seed(0)).float(),
    "Adam": step_adam,
    "NumPy product": lambda: torch.from_numpy(SQUARE.numpy() @ OTHER.numpy()),
    "draws in a DataLoader": load,
    "set of words": lambda: torch.tensor([len(w) for w in {"a", "bb", "ccc", "dddd", "eeeee"}]),
}
print(json.dumps({name: digest(call()) for name, call in RESULTS.items()}))
