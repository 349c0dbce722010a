"""Why data depends on the number of workers that load it, told by whether workers drew."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.varied import VariedPair, explain_varied, lacks_line
from reproaudit.diagnose.worker_dependence import WORKERS
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level, Phase
from tests.record.variations.observing import observe

LOADS = """
import json
import random
import torch
from torch.utils.data import DataLoader, Dataset
class Samples(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return torch.tensor([{sample}])
torch.manual_seed(0)
random.seed(0)
weight = torch.ones(1, requires_grad=True)
optimizer = torch.optim.SGD([weight], lr=0.1)
for batch in DataLoader(Samples(), batch_size=2, num_workers=1):
    (batch * weight).sum().backward()
    optimizer.step()
print(json.dumps({{}}))
"""


def explain(folder: Path, sample: str) -> list[tuple[Cause, Phase, str | None]]:
    runs = [
        observe(folder / name, LOADS.format(sample=sample), *changes, level=Level.OPERATION).run
        for name, changes in (("plain", ()), ("varied", ("workers=0",)))
    ]
    interned = Interned()
    plain, varied = runs
    pair = RunPair(plain, varied, localise(plain, varied, interned))
    asked = VariedPair(pair=pair, factor=WORKERS, calls=(), reordered=False)
    explained = explain_varied(asked, interned)
    assert not any(lacks_line(one, WORKERS) for one in explained)
    return [(one.finding.cause, one.finding.phase, one.finding.op) for one in explained]


@pytest.mark.slow
def test_what_workers_draw_is_the_cause_and_no_operator_is_named_for_it(tmp_path: Path) -> None:
    found = explain(tmp_path, "random.random()")
    assert found[0] == (Cause.WORKER_SEED, Phase.DATA, None)


@pytest.mark.slow
def test_where_no_worker_draws_its_streams_are_not_the_cause(tmp_path: Path) -> None:
    depends = "float(torch.utils.data.get_worker_info() is None)"
    assert Cause.WORKER_SEED not in {cause for cause, _, _ in explain(tmp_path, depends)}
