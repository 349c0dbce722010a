"""The worker: reads one task as JSON from standard input and writes one JSON object per line to
standard output."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

_MOST_MEMORY = 6 << 30  # of address space on the CPU; CUDA maps far more than it uses


def main() -> int:
    """Do the task: {"do": "sweep" | "confirm", "request": …}. What ops print goes to standard
    error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    if task["request"]["device"] == "cpu":
        resource.setrlimit(
            resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1])
        )

    def tell(record: dict[str, Any]) -> None:
        out.write(json.dumps(record) + "\n")
        out.flush()

    import torch

    from reproaudit.atlas.cells import request_from
    from reproaudit.atlas.child import conduct
    from reproaudit.record.process.environment import describe_environment

    request = request_from(task["request"])
    if request.device == "cuda":
        if not torch.cuda.is_available():
            tell({"refused": "torch sees no CUDA device"})
            return 2
        torch.cuda.init()
    torch.set_num_threads(max(request.threads))
    tell({"environment": describe_environment()})
    if task["do"] == "sweep":
        wanted = task.get("cells")
        conduct.sweep(
            request, frozenset(task["done"]), None if wanted is None else frozenset(wanted), tell
        )
    else:
        conduct.confirm(request, task["accused"], tell)
    tell({"end": True})
    return 0


if __name__ == "__main__":
    sys.exit(main())
