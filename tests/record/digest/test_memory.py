"""Memory is read in place by its address."""

from __future__ import annotations

import sys

import torch

from reproaudit.record.digest.memory import MEMORY
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
