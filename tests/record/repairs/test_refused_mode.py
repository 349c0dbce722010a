"""The strict flag is lifted for operators that raise under it, and for no other.

Some raise on the CPU as well.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.config.settings import Settings
from reproaudit.record.process.apply import apply_to_torch
from reproaudit.record.repairs import deterministic
from reproaudit.record.repairs.refused_mode import WarnWhereRefused
from reproaudit.record.state import flags
from tests.record.repairs.running import reach_here

INDEX, VALUES = torch.tensor([1]), torch.tensor([2.0])


@pytest.fixture(autouse=True)
def _flag_as_found() -> Iterator[None]:
    before = flags.read_flag()
    yield
    flags.set_for_program(before)


@pytest.fixture
def has_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "may_differ_where_strict", lambda: True)


class Seen(TorchDispatchMode):
    """Notes for each operator whether the flag only warned when it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: list[tuple[str, bool]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
        self.warned.append((func._schema.name, only_warns))
        return func(*args, **(kwargs or {}))


def test_only_what_raises_runs_under_a_flag_that_warns() -> None:
    torch.use_deterministic_algorithms(True)
    x = torch.zeros(3)
    # Of two modes the one that was entered last is asked first.
    with Seen() as seen, WarnWhereRefused(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        x.add_(1)
        x.put_(INDEX, VALUES)
        x.mul_(2)
    assert x.tolist() == [2.0, 4.0, 2.0]
    # It was tried strictly first.
    assert seen.warned == [
        ("aten::add_", False),
        ("aten::put_", False),
        ("aten::put_", True),
        ("aten::mul_", False),
    ]
    assert ["put_" in str(one.message) for one in told] == [True]
    assert flags.read_flag()[:2] == (True, False)


def test_an_error_that_is_no_refusal_is_the_programs_own() -> None:
    torch.use_deterministic_algorithms(True)
    with WarnWhereRefused(), pytest.raises(RuntimeError, match="must match"):
        torch.ones(3).add_(torch.ones(2))


def test_a_call_that_ends_leaves_the_flag_to_those_of_other_threads() -> None:
    torch.use_deterministic_algorithms(True)
    mode = WarnWhereRefused()
    first, second = threading.Event(), threading.Event()
    states: list[bool] = []

    def hold() -> None:
        with mode._lift_flag():
            first.set()
            second.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    first.wait(60)
    with mode._lift_flag():
        states.append(torch.is_deterministic_algorithms_warn_only_enabled())
    states.append(torch.is_deterministic_algorithms_warn_only_enabled())
    second.set()
    thread.join()
    states.append(torch.is_deterministic_algorithms_warn_only_enabled())
    assert states == [True, True, False]


@pytest.mark.filterwarnings("ignore:put_ does not have a deterministic implementation")
@pytest.mark.usefixtures("has_gpu")
def test_with_a_gpu_the_flag_is_strict_and_raises_for_nothing_whatever_the_program_sets() -> None:
    settings = Settings(deterministic="unless-refused")
    apply_to_torch(settings)
    x = torch.zeros(3)
    with reach_here(settings) as reach:
        deterministic.install(reach)
        torch.use_deterministic_algorithms(False)
        assert flags.read_flag()[:2] == (True, False)
        x.put_(INDEX, VALUES)
    assert x.tolist() == [0.0, 2.0, 0.0]


def test_without_a_gpu_no_operator_pays_for_a_mode() -> None:
    settings = Settings(deterministic="unless-refused")
    apply_to_torch(settings)
    modes = torch._C._len_torch_dispatch_stack()
    with reach_here(settings) as reach:
        deterministic.install(reach)
        assert torch._C._len_torch_dispatch_stack() == modes
        torch.use_deterministic_algorithms(False)
        assert flags.read_flag()[:2] == (True, True)


def test_where_nothing_is_known_to_raise_the_flag_is_held_strictly() -> None:
    settings = Settings(deterministic="error")
    apply_to_torch(settings)
    with reach_here(settings) as reach:
        deterministic.install(reach)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_deterministic_debug_mode(0)
        with pytest.raises(RuntimeError, match="deterministic"):
            torch.zeros(3).put_(INDEX, VALUES)


@pytest.mark.gpu
@pytest.mark.seeded
def test_the_gradient_of_fused_attention_has_an_order_beside_what_raises() -> None:
    settings = Settings(deterministic="unless-refused")
    apply_to_torch(settings)
    torch.manual_seed(0)
    made = [torch.randn(1, 4, 4096, 64, device="cuda", dtype=torch.bfloat16) for _ in range(4)]
    query, key, value, weight = made
    query.requires_grad_()
    gradients = []
    with reach_here(settings) as reach, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deterministic.install(reach)
        for _ in range(10):
            x = torch.zeros(8, device="cuda")
            x.put_(torch.zeros(8, dtype=torch.int64, device="cuda"), torch.ones(8, device="cuda"))
            found = torch.nn.functional.scaled_dot_product_attention(query, key, value)
            gradients += torch.autograd.grad((found * weight).sum(), query)
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])
