"""A label that occurs often in one target collects its gradient with atomics."""

import sys

import torch
from torch.nn.functional import ctc_loss

torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
time, batch, length = (400, 64, 150) if device == "cuda" else (20, 4, 6)
logits = torch.nn.Parameter(torch.randn(time, batch, 4, device=device))
targets = torch.randint(1, 4, (batch, length), device=device)
inputs = torch.full((batch,), time, device=device)
lengths = torch.full((batch,), length, device=device)
optimizer = torch.optim.SGD([logits], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    scores = logits.log_softmax(2)
    loss = ctc_loss(scores, targets, inputs, lengths, zero_infinity=True)  # source
    loss.backward()
    optimizer.step()
