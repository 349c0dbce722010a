from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reproaudit.comparison import samples
from reproaudit.comparison.elements import TensorBytes
from reproaudit.comparison.samples import same_samples, same_samples_across


def batch(array: npt.ArrayLike) -> TensorBytes:
    content = np.asarray(array)
    return TensorBytes(str(content.dtype), content.shape, content.tobytes())


@pytest.mark.parametrize("row", [1, 3, 16, 17, 300])
def test_a_permuted_batch_holds_the_same_samples_and_one_changed_bit_does_not(row: int) -> None:
    random = np.random.default_rng(row)
    content = random.integers(0, 1 << 32, size=(50, row), dtype=np.uint32)
    changed = random.permutation(content)
    assert same_samples(batch(content), batch(changed))
    changed[7, row - 1] ^= 1
    assert not same_samples(batch(content), batch(changed))


@pytest.mark.parametrize("row", [2, 40])
def test_values_moved_between_samples_make_other_samples(row: int) -> None:
    content = np.arange(3 * row).reshape(3, row)
    moved = content.copy()
    moved[0, 0], moved[1, 0] = moved[1, 0], moved[0, 0]
    assert not same_samples(batch(content), batch(moved))
    assert not same_samples(batch(content), batch(content[:, ::-1]))


def test_how_often_a_sample_occurs_counts() -> None:
    assert not same_samples(batch([1, 1, 2]), batch([1, 2, 2]))
    assert not same_samples(batch([1, 1, 2]), batch([1, 2]))
    assert not same_samples(batch([0, 0]), batch([0]))


def test_samples_of_another_dtype_or_shape_are_others() -> None:
    zeros = np.zeros((4, 6), dtype=np.float32)
    assert not same_samples(batch(zeros), batch(zeros.view(np.int32)))
    assert not same_samples(batch(zeros), batch(zeros.reshape(4, 2, 3)))
    assert not same_samples(batch(zeros), batch(zeros.reshape(6, 4)))


def test_samples_are_judged_by_their_bytes() -> None:
    assert not same_samples(batch([0.0]), batch([-0.0]))
    assert same_samples(batch([np.nan, 1.0]), batch([1.0, np.nan]))


def test_scalars_and_empty_samples_are_samples() -> None:
    assert same_samples(batch(np.float32(1)), batch(np.float32(1)))
    assert not same_samples(batch(np.float32(1)), batch(np.float32(2)))
    assert not same_samples(batch(np.zeros((2, 0))), batch(np.zeros((3, 0))))
    assert same_samples(batch(np.zeros((0, 2))), batch(np.zeros((0, 2))))


@pytest.mark.parametrize("row", [1, 30])
def test_an_epoch_batched_again_in_another_order_and_size_holds_the_same_samples(row: int) -> None:
    random = np.random.default_rng(1)
    epoch = random.standard_normal((90, row)).astype(np.float32)
    first = [batch(part) for part in np.split(epoch, 9)]
    second = [batch(part) for part in np.split(random.permutation(epoch), [32, 64])]
    assert not same_samples(first[0], second[0])
    assert same_samples_across(first, second)
    assert not same_samples_across(first, second[:-1])


def test_inputs_and_labels_of_one_epoch_are_kept_apart() -> None:
    images, labels = np.arange(6.0).reshape(3, 2), np.array([1, 0, 1])
    order = [2, 0, 1]
    one = [batch(images), batch(labels)]
    assert same_samples_across(one, [batch(labels[order]), batch(images[order])])
    assert not same_samples_across(one, [batch(labels[order]), batch(images[order] + 1)])


@given(
    st.lists(st.binary(min_size=3, max_size=3), max_size=8),
    st.lists(st.binary(min_size=3, max_size=3), max_size=8),
)
@example([b"aab", b"aba"], [b"aaa", b"abb"])
def test_the_verdict_is_that_of_the_sorted_rows(a: list[bytes], b: list[bytes]) -> None:
    first, second = (TensorBytes("uint8", (len(rows), 3), b"".join(rows)) for rows in (a, b))
    assert same_samples(first, second) == (sorted(a) == sorted(b))


def test_rows_are_digested_alike_however_they_are_cut_into_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = np.random.default_rng(2).integers(0, 9, size=(40, 2))
    monkeypatch.setattr(samples, "CHUNK_ROWS", 7)
    assert same_samples(batch(content), batch(content[::-1]))


def test_data_that_cannot_be_cut_into_the_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="7 bytes cannot hold 2 samples"):
        same_samples(TensorBytes("uint8", (2, 3), bytes(7)), TensorBytes("uint8", (2, 3), bytes(7)))
