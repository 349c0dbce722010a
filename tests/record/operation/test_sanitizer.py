"""A copy of torch's sanitizer is taken without what importing it does to the process."""

from __future__ import annotations

import sys

import pytest

from reproaudit.record.operation import sanitizer
from reproaudit.record.torch_private import SANITIZER_CALLBACKS, gpu_trace


def count_callbacks() -> list[int]:
    trace = gpu_trace()
    return [len(getattr(trace, name).callback_list) for name in SANITIZER_CALLBACKS]


def test_the_copy_registers_no_callback_and_is_no_one_else_s() -> None:
    before = count_callbacks()
    module = sanitizer.private_sanitizer()
    assert count_callbacks() == before
    assert sys.modules.get("torch.cuda._sanitizer") is not module
    assert module.EventHandler is not sanitizer.private_sanitizer().EventHandler


def test_the_copy_takes_no_stack_traces() -> None:
    module = sanitizer.private_sanitizer()
    assert module.traceback.StackSummary.extract(module.traceback.walk_stack(None)) == []


def test_a_torch_without_it_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitizer, "sanitizer_spec", lambda: None)
    with pytest.raises(ImportError, match="has no"):
        sanitizer.private_sanitizer()
