"""Records a small program once for each private name of torch, as if this torch lacked the name.

Prints what each run showed, as JSON. One process imports torch; each name has a fork of it, which
imports the recorder afresh.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch  # noqa: E402

from reproaudit.model.events import Level, Outcome, OutcomeKind  # noqa: E402
from reproaudit.record.hooks import lookup  # noqa: E402
from reproaudit.trace.reader import Trace  # noqa: E402


def program() -> list[float]:
    """Train for two steps, with what the names are there for: batches, hooks, flags, a copy."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.utils.data.TensorDataset(torch.randn(4, 4), torch.randn(4, 1))
    losses = []
    for x, y in torch.utils.data.DataLoader(data, batch_size=2, shuffle=True):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.backends.cuda.matmul.allow_tf32 = False
    sparse = torch.eye(3).to_sparse() * 2
    losses.append(float(torch.empty(3).copy_(torch.ones(3)).sum() + sparse.to_dense().sum()))
    return losses


def record(level: Level, folder: Path) -> dict[str, Any]:
    from reproaudit.config.plan import RunPlan
    from reproaudit.config.subject import SubjectKind, SubjectSpec
    from reproaudit.record.process.install import Installation

    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="train.py")
    plan = RunPlan(trace_dir=folder / level.value, subject=subject, level=level)
    installation = Installation(plan, str(plan.trace_dir))
    result = program()
    installation.recorder.active = False
    installation.remove()
    installation.recorder.finish(Outcome(OutcomeKind.COMPLETED, 0))
    trace = Trace.open(plan.trace_dir)
    kinds = Counter(event.kind.name.lower() for event in trace.all_events())
    return {
        "ended": trace.outcome.kind.value,
        "result": result,
        "notes": [{"what": note.what, "why": note.why} for note in trace.notes],
        "events": dict(kinds),
    }


def record_without(path: str, folder: Path) -> dict[str, Any]:
    present = lookup.resolve

    def resolve(wanted: str) -> Any:
        if wanted == path:
            raise AttributeError(wanted)
        return present(wanted)

    lookup.resolve = resolve
    return {level.value: record(level, folder) for level in (Level.BOUNDARY, Level.OPERATION)}


def run_fork(path: str) -> dict[str, Any]:
    """Return what a fork recorded, or how it failed."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        child = os.fork()
        if child == 0:
            try:
                told.write_text(json.dumps(record_without(path, Path(folder))))
            except BaseException as error:
                failed = {"ended": f"{type(error).__name__}: {error}", "notes": [], "events": {}}
                told.write_text(json.dumps({"boundary": failed, "operation": failed}))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return json.loads(told.read_text())


def main() -> None:
    torch.set_num_threads(1)
    program()  # what torch itself imports at the first use, each fork has then
    child = os.pipe()
    if os.fork() == 0:  # the names are known only where the table is imported, which forks must not
        from reproaudit.record import torch_private

        os.write(child[1], json.dumps([name.path for name in torch_private.NAMES]).encode())
        os._exit(0)
    os.close(child[1])
    with os.fdopen(child[0]) as pipe:
        names = json.loads(pipe.read())
    print(json.dumps({path: run_fork(path) for path in ["", *names]}))


if __name__ == "__main__":
    main()
