"""The worker: reads one task as JSON from standard input, writes one JSON object per line."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from typing import Any

_MOST_MEMORY = 6 << 30  # of address space on the CPU; CUDA maps far more than it uses


def main() -> int:
    """Do the task: {"do": "sweep" | "confirm", "request": …}. Return the exit code."""
    # What ops print goes to standard error, so that standard output holds our lines alone.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    if task["request"]["device"] == "cpu":
        # An op that asks for too much must fail here, not take the machine down. Set before torch
        # is imported, which maps memory of its own.
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, most))

    def report(record: dict[str, Any]) -> None:
        line = json.dumps(record)
        out.write(f"{line}\n")
        out.flush()

    # What is imported stays to the end, op_db most of all. That the collector walked it again and
    # again was 1.5 s of the 4.6 s in which a worker starts.
    gc.disable()
    import torch

    from reproaudit.atlas.cells import request_from
    from reproaudit.atlas.child import tasks
    from reproaudit.atlas.child.opdb import load_op_db
    from reproaudit.record.process.environment import describe_environment

    load_op_db()
    gc.freeze()
    gc.enable()
    request = request_from(task["request"])
    if request.device == "cuda":
        if not torch.cuda.is_available():
            report({"refused": "torch sees no CUDA device"})
            return 2
        torch.cuda.init()
    torch.set_num_threads(max(request.threads))
    report({"environment": describe_environment()})
    if task["do"] == "sweep":
        done = frozenset(task["done"])
        wanted = None
        if task.get("cells") is not None:
            wanted = frozenset(task["cells"])
        tasks.sweep(request, done, wanted, report)
    else:
        tasks.confirm(request, task["accused"], report)
    report({"end": True})
    return 0


if __name__ == "__main__":
    sys.exit(main())
