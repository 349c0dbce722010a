"""Commands that a person types, with `reproaudit` in front: real launchers, on loopback."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from reproaudit.trace.runs import MAIN_PROCESS, open_run
from tests.auditing import reproaudit

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")

PROGRAM = """
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = DistributedDataParallel(torch.nn.Linear(8, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
generator = torch.Generator().manual_seed(rank)
unseeded = torch.Generator()
if rank == 1 and "planted" in sys.argv:
    unseeded.seed()
for _ in range(3):
    batch = torch.randn(16, 8, generator=generator) + torch.rand(16, 8, generator=unseeded)
    optimizer.zero_grad()
    model(batch).square().mean().backward()
    optimizer.step()
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_a_difference_on_one_rank_is_located_on_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    options = ("--runs", "2", "--no-alerts", "--budget", "runs=2", "--quiet")
    report = ("--report", "json=result.json")
    words = ("--", *TORCHRUN, "train.py", "planted")
    done = reproaudit(tmp_path, *options, *report, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["verdict"] == "not-reproducible"
    (finding, *_) = result["findings"]
    line = 1 + PROGRAM.splitlines().index("    unseeded.seed()")
    assert finding["cause"] == "unseeded-rng"
    assert finding["location"]["line"] == line
    assert finding["ranks"] == [1]


@pytest.mark.slow
def test_each_rank_has_a_trace_and_stops_where_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    done = reproaudit(
        tmp_path, "record", "--steps", "2", "--out", "trace", "--", *TORCHRUN, "train.py"
    )
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "trace", 0)
    assert [label for label, _ in run.traces] == [MAIN_PROCESS, "rank-1"]
    assert [trace.process.rank for _, trace in run.ranks] == [0, 1]
    assert {trace.header["steps"] for _, trace in run.traces} == {2}
    assert run.world == 2
