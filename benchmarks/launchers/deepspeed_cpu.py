"""DeepSpeed's engine on the CPU, one rank, gloo"""

import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}.items():
    os.environ.setdefault(name, value)

import deepspeed  # noqa: E402 -- it reads the variables above when it is imported

PLANTED = "--planted" in sys.argv
CONFIG = {
    "train_micro_batch_size_per_gpu": 16,
    "gradient_accumulation_steps": 1,
    "steps_per_print": 2,
    "optimizer": {"type": "Adam", "params": {"lr": 0.01, "torch_adam": True}},
}


def main():
    os.environ.setdefault("MASTER_PORT", "0" if os.environ["WORLD_SIZE"] == "1" else "29511")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    deepspeed.init_distributed(dist_backend="gloo")
    engine, *_ = deepspeed.initialize(
        model=model, model_parameters=model.parameters(), config=CONFIG
    )
    for _ in range(6):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        if PLANTED:
            points += float(np.random.default_rng().normal())  # planted
        loss = F.cross_entropy(engine(points), labels)
        engine.backward(loss)
        engine.step()
    print(f"loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
