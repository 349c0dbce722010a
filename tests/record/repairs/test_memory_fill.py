"""Whether memory that torch leaves undefined is filled, wherever it is allocated."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.model.events import Level
from tests.record.repairs.running import is_repaired, is_reproducible, run

pytestmark = [pytest.mark.slow]

# `dirty` leaves random bytes in the memory that is allocated next.
DIRTY = """
import os, threading
import torch
def dirty(size=4096):
    torch.frombuffer(bytearray(os.urandom(size)), dtype=torch.uint8).clone()
def shown(tensor):
    return tensor.untyped_storage().tolist()[:64] if tensor.numel() else []
"""
READS = (
    DIRTY
    + """
base = torch.ones(1024)
for make in (
    lambda: torch.empty(1024), lambda: torch.Tensor(1024), lambda: torch.IntTensor(1024),
    lambda: base.new(1024),
    lambda: torch.empty_like(base), lambda: torch.empty_strided((32, 32), (1, 32)),
    lambda: base.new_empty(32, 32),
    lambda: torch.nn.Parameter(torch.empty(1024)), lambda: torch.empty(0).resize_(1024),
    lambda: torch.empty(4096, dtype=torch.uint8),
):
    dirty()
    print(shown(make()))
"""
)
PLACES = (
    DIRTY
    + """
import multiprocessing
def show():
    print(torch.empty(1024).count_nonzero().item(),
          torch.empty(9, dtype=torch.bool).any().item(), flush=True)
if __name__ == "__main__":
    show()
    thread = threading.Thread(target=show)
    thread.start()
    thread.join()
    for method in ("fork", "spawn"):
        process = multiprocessing.get_context(method).Process(target=show)
        process.start()
        process.join()
"""
)
PATTERN = """
import torch
print(torch.empty(4, dtype=torch.uint8).tolist(),
      torch.ones(2, dtype=torch.uint8).resize_(4).tolist())
"""
TRAINING = """
import warnings
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv1d(3, 8, 3), torch.nn.BatchNorm1d(8), torch.nn.ReLU(),
    torch.nn.Dropout(0.1))
rnn = torch.nn.GRU(6, 5)
optimizer = torch.optim.Adam([*model.parameters(), *rnn.parameters()], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    out, _ = rnn(model(torch.randn(4, 3, 8)))
    out.pow(2).mean().backward()
    optimizer.step()
parameters = (*model.parameters(), *rnn.parameters())
print([float(value).hex() for p in parameters for value in p.detach().double().flatten()])
from torch._dynamo.utils import counters
compiled = torch.compile(lambda x: torch.empty_like(x).zero_() + x.sin(), backend="eager")
print(compiled(torch.ones(3)).tolist(), counters["stats"]["unique_graphs"],
      dict(counters["graph_break"]))
print(torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),)).tolist())
"""
UNINITIALISED = (
    DIRTY
    + """
torch.manual_seed(0)
dirty()
weight = torch.nn.Parameter(torch.empty(4096, dtype=torch.uint8).float().sub(128).div(1000))
from plain_sgd import SGD
optimizer = SGD([weight], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    weight.sin().sum().backward()
    optimizer.step()
"""
)


def test_memory_that_was_never_written_is_the_same_in_each_run(tmp_path: Path) -> None:
    # Fresh: the heap of a fork has free memory enough to give other blocks than those just freed.
    assert is_repaired(tmp_path, READS, "memory.fill", is_fresh=True)
    assert set(run(tmp_path, READS, "memory.fill").split()) <= {"[0,", "0,", "0]"}


def test_threads_and_children_get_filled_memory_too(tmp_path: Path) -> None:
    assert run(tmp_path, PLACES, "memory.fill").splitlines() == ["0 False"] * 4


def test_the_byte_can_be_chosen_and_only_what_is_new_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPROAUDIT_FILL", "0xaa")
    assert run(tmp_path, PATTERN, "memory.fill") == "[170, 170, 170, 170] [1, 1, 170, 170]\n"


def test_training_and_compiling_give_the_same_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plainly = run(tmp_path, TRAINING)
    for byte in ("0", "0x5a"):
        monkeypatch.setenv("REPROAUDIT_FILL", byte)
        assert run(tmp_path, TRAINING, "memory.fill") == plainly


def test_the_recorder_changes_nothing_of_it(tmp_path: Path) -> None:
    assert (
        run(tmp_path, PLACES, "memory.fill", level=Level.OPERATION).splitlines() == ["0 False"] * 4
    )


def test_an_audit_of_a_program_that_reads_undefined_memory_is_reproducible(tmp_path: Path) -> None:
    # Fresh: the free memory of forks of one process holds the same bytes. Which block a process is
    # given is chance, too.
    audits = (is_reproducible(tmp_path, UNINITIALISED, is_fresh=True) for _ in range(5))
    assert not all(audits)
    assert is_reproducible(tmp_path, UNINITIALISED, "memory.fill", is_fresh=True)
