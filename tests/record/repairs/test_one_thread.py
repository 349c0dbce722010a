"""Whether torch computes with one thread, however many the program asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.slow]

THREADS = """
import torch
torch.set_num_threads(4)
torch.set_num_interop_threads(2)
print(torch.get_num_threads())
import threading
thread = threading.Thread(target=lambda: print(torch.get_num_threads()))
thread.start()
thread.join()
"""


def test_torch_computes_with_one_thread_whatever_is_asked_for(tmp_path: Path) -> None:
    assert run(tmp_path, THREADS, "threads.one").split() == ["1", "1"]
