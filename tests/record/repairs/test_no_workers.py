"""Whether DataLoaders load in the main process, with the batches that workers would have loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_reproducible, is_untouched, run

pytestmark = [pytest.mark.slow]

DATA = """
import os
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
torch.manual_seed(0)
class Numbers(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, index):
        return torch.tensor([float(index)])
"""
WHERE = (
    DATA
    + """
class Where(Numbers):
    def __getitem__(self, index):
        return get_worker_info() is None
def begin(worker):
    raise SystemExit
class Own(DataLoader):
    def __init__(self, dataset, **options):
        super().__init__(dataset, num_workers=2, **options)
for loader in (
    DataLoader(
        Where(), 3, True, None, None, 2, None, False, False, 9, begin, "fork", None,
        prefetch_factor=4,
    ),
    DataLoader(
        Where(), num_workers=1, timeout=9, persistent_workers=True, in_order=False,
        worker_init_fn=begin,
    ),
    Own(Where(), batch_size=2, multiprocessing_context="fork"),
):
    shown = [bool(value) for _ in range(2) for batch in loader for value in batch]
    print(loader.num_workers, all(shown))
"""
)
CLEAN = (
    DATA
    + """
for options in ({"num_workers": 2}, {"num_workers": 1, "prefetch_factor": 3, "timeout": 60}, {}):
    loader = DataLoader(Numbers(), batch_size=4, shuffle=True, drop_last=False, **options)
    print([batch.tolist() for _ in range(2) for batch in loader], torch.rand(1).item())
for options in (
    {"num_workers": -1}, {"prefetch_factor": 2}, {"num_workers": 0, "persistent_workers": True}
):
    try:
        DataLoader(Numbers(), **options)
    except ValueError as error:
        print(error)
"""
)
# What a worker adds depends on its process id.
TRAINING = (
    DATA
    + """
class Noisy(Numbers):
    def __getitem__(self, index):
        of_worker = os.getpid() * (get_worker_info() is not None)
        return torch.tensor([index + float(torch.rand(1)) + of_worker])
model = torch.nn.Linear(1, 1)
from plain_sgd import SGD
optimizer = SGD(model.parameters(), lr=0.01)
for batch in DataLoader(Noisy(), batch_size=2, num_workers=2):
    optimizer.zero_grad()
    model(batch).sum().backward()
    optimizer.step()
"""
)


def test_no_way_to_ask_for_workers_gets_one(tmp_path: Path) -> None:
    assert run(tmp_path, WHERE, "workers.none").splitlines() == ["0 True"] * 3


def test_batches_and_refusals_stay_what_they_are(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, CLEAN, "workers.none")


def test_an_audit_of_workers_that_differ_is_reproducible(tmp_path: Path) -> None:
    assert not is_reproducible(tmp_path, TRAINING)
    assert is_reproducible(tmp_path, TRAINING, "workers.none")
