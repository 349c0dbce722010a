"""Undefined memory: what is followed, and which outputs are workspace."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reproaudit.model.events import EventFlag, EventKind
from reproaudit.record.operation.undefined import UndefinedMemory
from reproaudit.trace.views import NOTHING
from tests.record.outcome import fill_memory
from tests.record.recording import differing_events, operations, record


def test_memory_that_came_back_as_another_tensor_is_not_undefined() -> None:
    memory = UndefinedMemory()
    blocks = bytearray(256), bytearray(256)
    first, second = (torch.frombuffer(block, dtype=torch.float32) for block in blocks)
    memory.add_allocation(first, 7)
    memory.add_workspaces([second])
    assert memory.find_undefined([first.view(8, 8)]) == 7
    assert memory.is_workspace(second[3:])
    del first, second
    first, second = (torch.frombuffer(block, dtype=torch.float32) for block in blocks)
    assert memory.find_undefined([first, second]) is None
    assert not memory.is_workspace(second)


def test_a_storage_that_is_alive_is_followed_through_its_views() -> None:
    memory = UndefinedMemory()
    base = torch.empty(4, 4)
    memory.add_allocation(base, 1)
    memory.subtract([base[:2]])
    assert memory.find_undefined([base.t()]) == 1
    memory.subtract([base[2:]])
    assert memory.find_undefined([base]) is None


@pytest.mark.seeded
@pytest.mark.parametrize("name", ["ctc_loss", "rrelu", "embedding_bag", "circular_pad", "deepcopy"])
def test_what_an_op_leaves_unwritten_makes_no_two_recordings_differ(
    name: str, tmp_path: Path
) -> None:
    def program() -> Any:
        torch.manual_seed(1)
        value = torch.randn(6, 2, 5, requires_grad=True)
        if name == "ctc_loss":
            targets = torch.randint(1, 5, (2, 3))
            result = F.ctc_loss(
                value.log_softmax(2), targets, torch.tensor([6, 3]), torch.tensor([3, 1])
            )
        elif name == "rrelu":
            result = F.rrelu(value, training=False) + F.rrelu(value, training=True)
        elif name == "deepcopy":  # it makes a tensor of memory that it writes afterwards
            result = copy.deepcopy(torch.nn.Linear(5, 3))(value)
        elif name == "circular_pad":  # it copies the corners before it writes them
            result = F.conv2d(
                F.pad(value[None], (1, 1, 1, 1), mode="circular"), torch.ones(1, 6, 3, 3)
            )
        else:
            result = F.embedding_bag(
                torch.tensor([0, 3, 5]), value.flatten(1), torch.tensor([0, 2]), mode="sum"
            )
        result.sum().backward()

    traces = []
    for byte in (0x55, 0xAA):
        fill_memory(byte)
        try:
            traces.append(record(tmp_path, program)[0])
        finally:
            fill_memory(0)
    first, second = traces
    assert len(operations(first)) > 3
    assert differing_events(first, second, EventKind.OP) == []


def test_a_copy_of_undefined_memory_is_no_reader_but_who_computes_with_it_is(
    tmp_path: Path,
) -> None:
    def program() -> None:
        batch = torch.zeros(2, 3)
        batch.copy_(torch.empty(3, dtype=torch.float64).clone())
        batch.exp()
        batch.fill_(1.0).exp()

    trace, _ = record(tmp_path, program)
    (allocation,) = operations(trace, "aten::empty")
    for name in ("aten::clone", "aten::copy_"):
        (copied,) = operations(trace, name)
        assert copied.flags & EventFlag.UNDEFINED
        assert copied.inputs == NOTHING
        assert copied.outputs == NOTHING
    first, second = operations(trace, "aten::exp")
    assert first.flags & EventFlag.READS_UNDEFINED
    assert first.allocated_by == allocation.number
    assert not second.flags & EventFlag.READS_UNDEFINED


def test_memory_that_numpy_shares_and_changes_is_told_with_where_it_was_made(
    tmp_path: Path,
) -> None:
    array = np.ones(4, dtype=np.float32)

    def program() -> None:
        shared = torch.from_numpy(array)
        shared.add(1.0)
        array[0] = 7.0
        shared.add(1.0)

    trace, _ = record(tmp_path, program)
    before, after = operations(trace, "aten::add")
    assert not before.flags & EventFlag.OUTSIDE_WRITE
    assert after.flags & EventFlag.OUTSIDE_WRITE
    assert after.made_by is not None
    assert trace.op(after.made_by).name.startswith("aten::lift_fresh")


def test_memory_that_an_op_writes_is_no_longer_followed(tmp_path: Path) -> None:
    array = np.ones(4, dtype=np.float32)

    def program() -> None:
        shared = torch.from_numpy(array)
        shared.mul_(2.0)
        shared.add(1.0)

    trace, _ = record(tmp_path, program)
    assert len(operations(trace, "aten::add")) == 1
    assert list(trace.operations(EventFlag.OUTSIDE_WRITE)) == []
