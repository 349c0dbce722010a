"""One rank of a training that benchmarks/ranks.py measures; not to be run by itself.

It writes the median seconds of a step, and the most memory that the process had, into the folder
that it is given.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from figures import peak_mib
from torch import nn
from torch.nn.parallel import DistributedDataParallel

_WARM_STEPS = 3


def main(folder: str, steps: int, width: int) -> None:
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(6):
        layers += [nn.Linear(width, width), nn.LayerNorm(width), nn.GELU()]
    model = DistributedDataParallel(nn.Sequential(*layers))
    optimizer = torch.optim.AdamW(model.parameters())
    generator = torch.Generator().manual_seed(dist.get_rank())
    seconds = []
    for step in range(steps):
        inputs = torch.randn(256, width, generator=generator)
        start = time.perf_counter()
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        # Written before the last step ends: that is where an audit may stop it.
        if step == steps - 1:
            found = {"step_s": statistics.median(seconds[_WARM_STEPS:]), "mib": peak_mib()}
            file = Path(folder) / f"rank-{dist.get_rank()}.json"
            file.write_text(json.dumps(found), encoding="utf-8")
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
