"""The device digest is a sum that no order can change, and still depends on every bit and on every
position."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.record.digest import device as module
from reproaudit.record.digest.device import device_digest, fold
from reproaudit.record.digest.tensors import raw_bytes, seed_for
from tests.record.digest.kernel_cases import (
    DTYPES,
    GOLDEN,
    defined_sums,
    golden_tensors,
    tensor_of,
    walks,
)

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
quick = settings(deadline=None, max_examples=60, derandomize=True)
U64 = (1 << 64) - 1


def sums(tensor: torch.Tensor) -> tuple[int, int]:
    found = device_digest(tensor)
    assert found is not None
    assert (found.dtype, found.shape, found.device) == (torch.int64, (2,), tensor.device)
    first, second = found.tolist()
    return first, second


@quick
@given(
    dtype=st.sampled_from(DTYPES),
    shape=shapes,
    seed=st.integers(0, 999),
    order=st.randoms(use_true_random=False),
)
def test_it_is_what_the_definition_says_for_every_dtype_and_stride(
    dtype: torch.dtype, shape: tuple[int, ...], seed: int, order: random.Random
) -> None:
    tensor = tensor_of(dtype, shape, seed)
    dims = list(range(len(shape)))
    order.shuffle(dims)
    for view in (
        tensor,
        tensor.permute(dims),
        tensor[1:] if shape else tensor,
        tensor[..., ::2] if shape else tensor,
    ):
        raw = raw_bytes(view)
        assert raw is not None
        assert sums(view) == defined_sums(raw[2])


def views() -> dict[str, torch.Tensor]:
    row = torch.arange(1.0, 6.0)
    pair = torch.complex(row, -row).conj()
    return {**walks(), "conjugate": pair.expand(9, 5), "negative": pair.imag}


@pytest.mark.parametrize("name", views())
@pytest.mark.parametrize("chunk", [16, 48, 1 << 24])
def test_the_size_of_the_chunks_does_not_matter(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    view = views()[name]
    raw = raw_bytes(view)
    assert raw is not None
    assert sums(view) == defined_sums(raw[2])


@quick
@given(shape=shapes, seed=st.integers(0, 999), data=st.data())
def test_one_flipped_bit_changes_both_sums(shape: tuple[int, ...], seed: int, data: Any) -> None:
    tensor = tensor_of(torch.int32, (*shape, 3), seed)
    flipped = tensor.clone()
    if flipped.numel():
        index = data.draw(st.integers(0, flipped.numel() - 1))
        bit = data.draw(st.integers(0, 31))
        flipped.view(-1)[index] ^= (1 << bit) if bit < 31 else -(1 << 31)
        assert all(a != b for a, b in zip(sums(tensor), sums(flipped), strict=True))


def floats(*bits: int) -> torch.Tensor:
    return torch.tensor([b - (1 << 32) if b >> 31 else b for b in bits], dtype=torch.int32).view(
        torch.float32
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.tensor([1.0, 2, 3, 4]), torch.tensor([3.0, 4, 1, 2])),
        (torch.tensor([1.0, 2, 3, 4]), torch.tensor([2.0, 1, 3, 4])),
        (torch.tensor([0.0, 1]), torch.tensor([-0.0, 1])),
        (torch.tensor([1.0, -1, 0, 0]), torch.tensor([-1.0, 1, 0, 0])),
        (torch.tensor([1.0, 1, 1, 1]), torch.tensor([-1.0, 1, -1, 1])),
        (floats(0x7FC00000, 0), floats(0x7FC00001, 0)),
        (torch.tensor([1, 3]), torch.tensor([2, 2])),
        (torch.tensor([5, 0, 0]), torch.tensor([0, 5, 0])),
        (torch.zeros(3, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)),
    ],
    ids=[
        "halves swapped",
        "neighbours swapped",
        "sign of zero",
        "opposite signs swapped",
        "two signs flipped",
        "NaN payload",
        "equal sum",
        "moved",
        "one more zero",
    ],
)
def test_it_tells_apart_what_simple_sums_do_not(one: torch.Tensor, other: torch.Tensor) -> None:
    assert all(a != b for a, b in zip(sums(one), sums(other), strict=True))


def test_ten_thousand_close_tensors_have_ten_thousand_first_sums_and_second_sums() -> None:
    base = torch.zeros(100, dtype=torch.int64)
    found = []
    for index in range(100):
        for bit in range(0, 64, 8):
            base[index] = 1 << bit
            found.append(sums(base))
        base[index] = 0
    assert len({first for first, _ in found}) == len({second for _, second in found}) == 800


def test_fold_adds_dtype_and_shape() -> None:
    flat, square = torch.arange(4.0), torch.arange(4.0).reshape(2, 2)
    assert sums(flat) == sums(square) == sums(flat.view(torch.int32))
    folded = {
        fold(sums(tensor), seed_for(tensor)) for tensor in (flat, square, flat.view(torch.int32))
    }
    assert len(folded) == 3
    assert all(0 <= half <= U64 for digest in folded for half in digest)
    assert fold((-1, 5), 7) == (3111636279371244208, 7939144577849207096)


def test_composites_are_summed_over_their_inner_tensors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = (torch.tensor(rows).to_sparse() for rows in ([[0, 1.0]], [[1.0, 0]]))
    assert sums(one.coalesce()) != sums(other.coalesce())


def test_what_has_no_bytes_has_no_sums() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fakes = [torch.empty(3), torch.empty(3, device="cuda"), torch.empty(2, 3).t()]
    freed = torch.ones(100)
    half = freed[50:]
    freed.untyped_storage().resize_(0)
    for tensor in (
        *fakes,
        torch.empty(3, device="meta"),
        freed,
        half,
        torch._efficientzerotensor(3),
    ):
        assert device_digest(tensor) is None


def test_the_tensor_is_left_untouched_and_no_mode_sees_an_op() -> None:
    class See(TorchDispatchMode):
        seen: list[str]

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.seen.append(str(func))
            return func(*args, **(kwargs or {}))

    tensor = torch.arange(6.0).reshape(2, 3).requires_grad_()
    version, state = tensor._version, torch.get_rng_state()
    mode = See()
    mode.seen = []
    with mode:
        found = device_digest(tensor), device_digest(tensor.detach().t())
    assert found[0] is not None
    assert not found[0].requires_grad
    assert [name for name in mode.seen if "detach" not in name and "aten.t." not in name] == []
    assert (tensor._version, tensor.requires_grad, tensor.grad) == (version, True, None)
    assert torch.equal(torch.get_rng_state(), state)


def test_memory_of_a_large_tensor_is_a_few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 16)
    sizes: list[int] = []
    sum_words: Callable[[torch.Tensor, int], torch.Tensor] = module.sum_words

    def counted(words: torch.Tensor, position: int) -> torch.Tensor:
        sizes.append(words.untyped_storage().nbytes())
        return sum_words(words, position)

    monkeypatch.setattr(module, "sum_words", counted)
    assert device_digest(torch.ones(1).expand(1 << 19)) is not None
    assert (len(sizes), max(sizes)) == (32, 1 << 16)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_sums_are_the_same_on_every_machine(name: str) -> None:
    assert sums(golden_tensors()[name]) == GOLDEN[name]


def test_memory_that_was_taken_from_under_a_view_is_not_read() -> None:
    whole = torch.ones(100)
    part = whole[10:60]
    whole.untyped_storage().resize_(4 * 59)
    assert device_digest(part) is None
    whole.untyped_storage().resize_(4 * 60)
    assert device_digest(part) is not None
