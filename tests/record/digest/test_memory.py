"""Memory is read in place by its address."""

from __future__ import annotations

import sys

import pytest
import torch

from reproaudit.record.digest.memory import MEMORY, Blocks
from reproaudit.record.digest.tensors import digest

_audited: list[str] | None = None


def _listen(event: str, args: tuple[object, ...]) -> None:
    if _audited is not None and not event.startswith("gc."):
        _audited.append(event)


def test_a_slice_is_the_memory_itself() -> None:
    tensor = torch.arange(4, dtype=torch.uint8)
    address = tensor.data_ptr()
    view = MEMORY[address : address + 4]
    tensor[2] = 9
    assert bytes(view) == bytes([0, 1, 9, 3])


def test_no_audit_hook_of_the_program_is_told_of_a_digest() -> None:
    global _audited
    tensor = torch.ones(3)
    digest(tensor)
    sys.addaudithook(_listen)  # stays for good, and does nothing after this
    _audited = []
    digest(tensor)
    heard, _audited = _audited, None
    assert heard == []


def test_a_block_that_was_met_before_shows_what_lies_there_now() -> None:
    tensor = torch.arange(4, dtype=torch.uint8)
    blocks = Blocks(4)
    assert bytes(blocks[tensor.data_ptr()]) == bytes([0, 1, 2, 3])
    tensor[2] = 9
    assert bytes(blocks[tensor.data_ptr()]) == bytes([0, 1, 9, 3])


def test_no_block_lies_where_there_is_no_memory() -> None:
    for address in (0, 64):
        with pytest.raises(KeyError):
            Blocks(4)[address]


def test_few_blocks_are_kept_and_no_large_ones() -> None:
    memory = torch.zeros(1 << 20, dtype=torch.uint8)
    small, large = Blocks(8), Blocks(1 << 19)
    for offset in range(0, 1 << 14, 8):
        assert small[memory.data_ptr() + offset].nbytes == 8
    assert large[memory.data_ptr()].nbytes == 1 << 19
    assert 0 < len(small) <= 128
    assert len(large) == 0
