"""Whether deterministic algorithms stay on against the program, and in its children."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_untouched, run

pytestmark = [pytest.mark.slow]

DETERMINISTIC = """
import torch
def show():
    print(torch.are_deterministic_algorithms_enabled(),
          torch.is_deterministic_algorithms_warn_only_enabled())
show()
for change in (
    lambda: torch.use_deterministic_algorithms(False),
    lambda: torch.use_deterministic_algorithms(mode=True),
    lambda: torch.set_deterministic_debug_mode(0),
    lambda: torch.set_deterministic_debug_mode("error"),
):
    change()
    show()
"""
MISUSED = """
import torch
for change in (
    lambda: torch.set_deterministic_debug_mode("loud"),
    lambda: torch.set_deterministic_debug_mode(3),
    lambda: torch.use_deterministic_algorithms(),
):
    try:
        change()
    except (RuntimeError, TypeError) as error:
        print(error)
is_filling = torch.utils.deterministic.fill_uninitialized_memory
print(is_filling and torch.are_deterministic_algorithms_enabled())
"""
# More threads than cores add into the same rows: in another order in each call, on any machine.
# Every bit counts.
KERNEL = """
import hashlib, torch
torch.use_deterministic_algorithms(False)
torch.set_num_threads(8)
torch.manual_seed(0)
values = torch.randn(50, 32, requires_grad=True)
index = torch.randint(0, 50, (30000,))
weight = torch.randn(30000, 32)
found = set()
for _ in range(10):
    values.grad = None
    (values[index] * weight).sum().backward()
    found.add(hashlib.sha256(values.grad.numpy().tobytes()).hexdigest())
print(*found)
"""
CHILD = """
import multiprocessing, torch
def show():
    torch.set_num_threads(3)
    torch.use_deterministic_algorithms(False)
    print(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), flush=True)
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        process = multiprocessing.get_context(method).Process(target=show)
        process.start()
        process.join()
"""


def test_deterministic_algorithms_stay_on_and_never_raise(tmp_path: Path) -> None:
    assert run(tmp_path, DETERMINISTIC, "kernels.deterministic").splitlines() == ["True True"] * 5


def test_misuse_is_refused_as_ever_and_memory_is_not_filled(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, MISUSED, "kernels.deterministic")


def test_a_kernel_that_adds_in_any_order_gives_one_result(tmp_path: Path) -> None:
    assert len(run(tmp_path, KERNEL).split()) > 1
    for repair in ("kernels.deterministic", "threads.one"):
        assert len({word for _ in range(2) for word in run(tmp_path, KERNEL, repair).split()}) == 1


def test_flags_hold_in_children(tmp_path: Path) -> None:
    assert (
        run(tmp_path, CHILD, "threads.one", "kernels.deterministic").splitlines() == ["1 True"] * 2
    )
