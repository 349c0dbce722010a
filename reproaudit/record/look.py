"""Says how torch is here, in a process of its own: `reproaudit doctor` starts it."""

from __future__ import annotations

import json
import sys
import time


def main(answer: str) -> None:
    """Import what every run imports, and write what was found into the file `answer` as JSON."""
    start = time.monotonic()
    import numpy
    import torch
    import xxhash

    found: dict[str, object] = {"import_s": time.monotonic() - start}
    from reproaudit.record.hooks.lookup import Need
    from reproaudit.record.torch_private import NAMES

    build = "CPU"
    if torch.version.cuda:
        build = f"CUDA {torch.version.cuda}"
    elif torch.version.hip:
        build = f"ROCm {torch.version.hip}"
    needs = [Need.EVERY_RUN, Need.OPERATIONS, Need.REPAIRS]
    found |= {
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "xxhash": xxhash.VERSION,
        "build": build,
        "threads": torch.get_num_threads(),
        "lost": [f"{name.lost} ({name.path})" for name in NAMES.missing(*needs)],
        "gpu": _look_at_gpu() if torch.version.cuda or torch.version.hip else "",
    }
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


def _look_at_gpu() -> str:
    """Return the GPU that computes, or why none does."""
    import torch

    if not torch.cuda.is_available():
        return ""
    try:
        torch.ones(1, device="cuda").add_(1).item()
    except RuntimeError as error:
        return f"cannot be used: {str(error).splitlines()[0]}"
    return f"{torch.cuda.get_device_name()}, {torch.cuda.device_count()} in all"


if __name__ == "__main__":
    main(sys.argv[1])
