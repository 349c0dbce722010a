"""Sets seeds and flags, some of them too late or over others."""

import os
import random

os.environ["OMP_NUM_THREADS"] = "1"
random.seed(1)

import numpy as np  # noqa: E402 - what comes before torch is the point
import torch  # noqa: E402
from torch import nn  # noqa: E402

os.environ["MKL_NUM_THREADS"] = "1"  # late variable
np.random.seed(1)
model = nn.Sequential(nn.Linear(4, 1))
torch.manual_seed(1)  # late seed
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.backends.cudnn.benchmark = False
for _ in range(2):
    loss = model(torch.randn(2, 4)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.manual_seed(2)  # overwrites
torch.use_deterministic_algorithms(True)  # late flag
