"""Sweeps on a GPU the families of operators that are known for atomic additions, into
reports/atlas/cuda.*"""

from __future__ import annotations

import sys

from reproaudit.cli.main import main

FAMILIES = (
    r"^(index_add|index_put|index_reduce\.\w+|put|take|scatter_add|scatter_reduce\.(sum|mean)|gather|cumsum|bincount|"
    r"histc|kthvalue|median|masked_scatter|grid_sampler_2d|nn\.functional\.(embedding|embedding_bag|ctc_loss|"
    r"interpolate\.(bilinear|bicubic|linear)|adaptive_avg_pool2d|max_pool2d|nll_loss|conv2d|pad\.reflect))$"
)

if __name__ == "__main__":
    words = ["--only", FAMILIES, "--dtypes", "float32", "--seconds", "1.5"]
    sys.exit(main(["atlas", "--device", "cuda", "--out", "reports/atlas", *words]))
