"""Callables that answer for a batch: one is rounded by it, one mixes padding in, one refuses a row
that is alone, one looks at the others, one at how many they are."""

import torch
from torch import nn

torch.manual_seed(0)
EMBEDDING = nn.Embedding(32, 64)
PROJECTION = nn.Linear(64, 64)
NORM = nn.BatchNorm1d(64)


def attend(tokens, hidden):
    content = PROJECTION(EMBEDDING(tokens))
    scores = content @ content.transpose(1, 2) / 8
    weights = scores.masked_fill(hidden[:, None, :], float("-inf")).softmax(-1)  # source
    return (weights @ content)[:, 0]


@torch.no_grad()
def answer(tokens, attention_mask=None):
    if attention_mask is None:
        attention_mask = torch.ones_like(tokens)
    return attend(tokens, attention_mask == 0)


@torch.no_grad()
def answer_with_wrong_mask(tokens, attention_mask=None):
    hidden = torch.zeros_like(tokens, dtype=torch.bool)  # whatever the mask says
    return attend(tokens, hidden)


@torch.no_grad()
def normalise(rows):
    return NORM(rows)


@torch.no_grad()
def centre(rows):
    return (rows - rows.mean(0)).relu()


@torch.no_grad()
def count_rows(rows):
    return (rows * (1 + 1e-6 * len(rows))).relu()


def make_tokens():
    return torch.randint(1, 32, (12, 7), generator=torch.Generator().manual_seed(1))
