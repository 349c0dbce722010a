"""The digest tells apart what differs in one bit, and nothing else; it leaves every tensor as it
was."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.record.digest import tensors as digest_module
from reproaudit.record.digest.tensors import combine, describe, digest, raw_bytes, seed_for

NATIVE = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.complex64,
    torch.complex128,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)
EXOTIC = tuple(
    getattr(torch, name)
    for name in (
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn_x2",
        "complex32",
        "uint4",
        "int4",
        "uint1",
        "bits8",
        "bits16",
        "bits4x2",
    )
    if hasattr(torch, name)
)
shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
seeds = st.integers(0, 2**32)
quick = settings(deadline=None, max_examples=60, derandomize=True)


def tensor_of(dtype: torch.dtype, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Return random bytes as a tensor: every NaN payload, subnormal and sign of zero may occur."""
    count = torch.Size(shape).numel()
    data = bytearray(random.Random(seed).randbytes(count * dtype.itemsize))
    return of_bytes(data, dtype, shape)


def of_bytes(data: bytes | bytearray, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    stand_in = {
        1: torch.uint8,
        2: torch.int16,
        4: torch.int32,
        8: torch.int64,
        16: torch.complex128,
    }[dtype.itemsize]
    made = torch.empty(torch.Size(shape).numel(), dtype=stand_in)
    if data:
        made.copy_(torch.frombuffer(bytearray(data), dtype=stand_in))
    return made.reshape(shape).view(dtype)


def existing(tensor: torch.Tensor) -> tuple[int, int]:
    found = digest(tensor)
    assert found is not None
    return found


# -- what it is


def test_it_is_xxh3_over_the_bytes_seeded_by_dtype_and_shape_low_half_first() -> None:
    tensor = torch.arange(6, dtype=torch.int32).reshape(2, 3)
    whole = xxhash.xxh3_128_intdigest(
        tensor.numpy().tobytes(), xxhash.xxh3_64_intdigest(b"int32[2, 3]")
    )
    assert digest(tensor) == (whole & (2**64 - 1), whole >> 64)


def test_the_numbers_are_those_of_earlier_versions() -> None:
    assert digest(torch.arange(6, dtype=torch.int32).reshape(2, 3)) == (
        4443980032823661620,
        5535556903964592230,
    )
    assert digest(torch.eye(2).to_sparse()) == (5882032488891964368, 8841921457737847047)
    assert combine([(1, 2), (3, 4)]) == (3695516733284350653, 10655663245729943255)


@pytest.mark.slow
def test_another_process_gets_the_same_digest_under_another_hash_seed() -> None:
    code = (
        "import torch; from reproaudit.record.digest.tensors import digest, combine; "
        "print(combine([digest(torch.ones(3)), digest(torch.ones(3, 1, dtype=torch.bfloat16))]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {
        f"{combine([existing(torch.ones(3)), existing(torch.ones(3, 1, dtype=torch.bfloat16))])}\n"
    }


# -- what it tells apart


@quick
@given(dtype=st.sampled_from(NATIVE + EXOTIC), shape=shapes, seed=seeds, data=st.data())
def test_one_flipped_bit_changes_the_digest(
    dtype: torch.dtype, shape: tuple[int, ...], seed: int, data: Any
) -> None:
    tensor = tensor_of(dtype, shape, seed)
    raw = raw_bytes(tensor)
    assert raw is not None
    flipped = bytearray(raw[2])
    if flipped:
        bit = data.draw(st.integers(0, 8 * len(flipped) - 1))
        flipped[bit // 8] ^= 1 << bit % 8
        assert digest(of_bytes(flipped, dtype, shape)) != existing(tensor)


@quick
@given(values=st.lists(st.integers(-3, 3), min_size=2, max_size=20), seed=seeds)
@example(values=[0, 1], seed=0)
def test_a_permutation_changes_the_digest_unless_it_changes_nothing(
    values: list[int], seed: int
) -> None:
    shuffled = random.Random(seed).sample(values, len(values))
    tensor, permuted = (torch.tensor(v, dtype=torch.float32) for v in (values, shuffled))
    assert (digest(tensor) == digest(permuted)) == (values == shuffled)


def test_negative_zero_is_not_zero() -> None:
    assert digest(torch.tensor([0.0, 1.0])) != digest(torch.tensor([-0.0, 1.0]))


def test_nan_equals_itself_and_no_nan_of_another_payload() -> None:
    quiet, other = (
        torch.tensor([bits], dtype=torch.int32).view(torch.float32)
        for bits in (0x7FC00000, 0x7FC00001)
    )
    assert digest(quiet) == digest(quiet.clone()) != digest(other)


def test_equal_bytes_of_every_dtype_and_shape_have_different_digests() -> None:
    raw = bytes(range(16))
    byte_sized = [
        of_bytes(raw, dtype, shape)
        for dtype in NATIVE + EXOTIC
        for shape in (((16 // dtype.itemsize),), (1, 16 // dtype.itemsize))
    ]
    assert len({existing(tensor) for tensor in byte_sized}) == len(byte_sized) > 40


def test_empty_tensors_differ_by_dtype_and_shape() -> None:
    empties = [
        torch.empty(0),
        torch.empty(0, 3),
        torch.empty(3, 0),
        torch.empty(0, dtype=torch.int64),
    ]
    assert len({existing(tensor) for tensor in empties}) == 4


# -- what it does not look at


@quick
@given(
    dtype=st.sampled_from(NATIVE + EXOTIC),
    shape=shapes,
    seed=seeds,
    order=st.randoms(use_true_random=False),
)
def test_strides_do_not_matter(
    dtype: torch.dtype, shape: tuple[int, ...], seed: int, order: random.Random
) -> None:
    tensor = tensor_of(dtype, shape, seed)
    dims = list(range(len(shape)))
    order.shuffle(dims)
    as_bytes = raw_bytes(tensor.permute(dims))
    assert as_bytes is not None
    assert digest(tensor.permute(dims)) == digest(of_bytes(as_bytes[2], dtype, as_bytes[1]))


@quick
@given(dtype=st.sampled_from(NATIVE), seed=seeds, start=st.integers(0, 5), step=st.integers(1, 4))
def test_offset_and_step_do_not_matter(
    dtype: torch.dtype, seed: int, start: int, step: int
) -> None:
    view = tensor_of(dtype, (7, 11), seed)[start::2, start::step]
    twin = torch.empty(view.shape, dtype=dtype)
    twin.copy_(view)
    assert digest(view) == digest(twin)


def test_one_strided_element_equals_a_scalar_of_its_shape() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    assert digest(base[1:2, 2:3]) == digest(torch.tensor([[6.0]]))
    assert digest(torch.as_strided(base, (1, 1), (7, 5), 6)) == digest(torch.tensor([[6.0]]))


def test_live_views_of_one_storage_have_digests_of_their_own_elements() -> None:
    base = torch.arange(8.0)
    views = base[:4], base[4:], base[::2]
    before = [existing(view) for view in views]
    base[5] = 50.0
    after = [existing(view) for view in views]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_conjugate_and_negative_views_equal_their_resolved_twins() -> None:
    values = torch.complex(
        torch.randn(3, 4, generator=seeded()), torch.randn(3, 4, generator=seeded())
    )
    for view in (
        values.conj(),
        values.conj().t(),
        values.conj().imag,
        torch._neg_view(values.real.contiguous()),
    ):
        assert view.is_conj() or view.is_neg()
        assert digest(view) == digest(view.clone().resolve_conj().resolve_neg()) != digest(values)


def test_a_parameter_equals_its_data() -> None:
    parameter = torch.nn.Parameter(torch.arange(3.0))
    assert digest(parameter) == digest(torch.arange(3.0))


def test_an_expanded_tensor_equals_its_contiguous_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_module, "CHUNK_BYTES", 64)
    row = torch.arange(5.0)
    for view in (
        row.expand(100, 5),
        row[2].expand(1000),
        row[:, None].expand(5, 100),
        row.expand(3, 1, 7, 5),
        row[1:2].expand(2, 3, 41),
        torch.arange(600.0).reshape(20, 30).t(),
        torch.arange(60.0).reshape(3, 20, 1)[::2],
        torch.complex(row, row).conj().expand(50, 5),
        torch.complex(row, row).conj().imag.expand(50, 5),
    ):
        assert digest(view) == digest(
            view.clone(memory_format=torch.contiguous_format).resolve_conj().resolve_neg()
        )


# -- layouts


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def composites() -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Yield a name, a tensor, and another tensor of its layout that differs in one element."""
    first = torch.arange(16.0).reshape(4, 4)
    second = first.clone()
    second[3, 3] = 99.0
    with warnings.catch_warnings():  # prototype layouts announce themselves
        warnings.simplefilter("ignore")
        for name, convert in {
            "coo": torch.Tensor.to_sparse,
            "csr": torch.Tensor.to_sparse_csr,
            "csc": torch.Tensor.to_sparse_csc,
            "bsr": lambda t: t.to_sparse_bsr((2, 2)),
            "bsc": lambda t: t.to_sparse_bsc((2, 2)),
            "per tensor": lambda t: torch.quantize_per_tensor(t, 0.5, 3, torch.qint8),
            "per channel": lambda t: torch.quantize_per_channel(
                t, torch.tensor([0.5, 1, 2, 0.25]), torch.tensor([0, 1, 2, 3]), 0, torch.quint8
            ),
            "nested": lambda t: torch.nested.nested_tensor([t, t[:2]]),
            "jagged": lambda t: torch.nested.nested_tensor([t, t[:2]], layout=torch.jagged),
        }.items():
            yield name, convert(first), convert(second)
        if torch.backends.mkldnn.is_available():
            yield "mkldnn", first.to_mkldnn(), second.to_mkldnn()


COMPOSITES = {name: (one, other) for name, one, other in composites()}


@pytest.mark.parametrize("name", COMPOSITES)
def test_each_layout_tells_one_element_apart(name: str) -> None:
    one, other = COMPOSITES[name]
    assert existing(one) == existing(one) != existing(other)


def test_layouts_differ_from_each_other() -> None:
    found = {existing(one) for one, _ in COMPOSITES.values()}
    assert len(found) == len(COMPOSITES)


def test_an_uncoalesced_tensor_is_digested_as_it_is() -> None:
    indices = torch.tensor([[1, 1, 0]])
    sparse = torch.sparse_coo_tensor(
        indices, torch.tensor([1.0, 2.0, 3.0]), (3,), check_invariants=False
    )
    before = existing(sparse)
    assert not sparse.is_coalesced()
    assert before != existing(sparse.coalesce())


def test_quantized_tensors_of_equal_integers_differ_by_scale_and_zero_point() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        integers = torch.arange(4, dtype=torch.int8)
        made = [
            torch._make_per_tensor_quantized_tensor(integers, s, z)
            for s, z in ((0.5, 0), (0.25, 0), (0.5, 1))
        ]
    assert len({existing(tensor) for tensor in made}) == 3


class Pair(torch.Tensor):
    """A wrapper subclass with two inner tensors."""

    first: torch.Tensor
    second: torch.Tensor

    @staticmethod
    def __new__(cls, first: torch.Tensor, second: torch.Tensor) -> Pair:
        made: Pair = torch.Tensor._make_wrapper_subclass(cls, first.shape, dtype=first.dtype)
        made.first, made.second = first, second
        return made

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["first", "second"], None

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"the recorder dispatched {func}")


class Counted(torch.Tensor):
    """A subclass with memory of its own whose every method is seen."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"the recorder called {func}")


def test_a_wrapper_subclass_is_digested_by_its_inner_tensors() -> None:
    a, b = torch.zeros(3), torch.ones(3)
    assert existing(Pair(a, b)) == existing(Pair(a.clone(), b)) != existing(Pair(b, a))
    assert existing(Pair(Pair(a, b), b)) != existing(Pair(Pair(a, a), b))
    assert digest(Pair(a, torch.empty(3, device="meta"))) is None
    assert raw_bytes(Pair(a, b)) is None


def test_a_subclass_with_memory_is_digested_without_calling_its_hook() -> None:
    plain = torch.arange(3.0)
    counted = torch.Tensor._make_subclass(Counted, plain)
    assert digest(counted) == digest(plain)
    assert describe(counted) == "float32[3]"


def test_what_has_no_bytes_has_no_digest() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        fakes = [
            torch.empty(3),
            torch.empty(3).t(),
            torch.empty(3, device="cuda"),
            torch.empty(2, dtype=torch.complex64).conj(),
        ]
    assert [digest(tensor) for tensor in fakes] == [None] * 4
    assert mode.from_tensor(torch.ones(2)).shape == (2,)
    meta = torch.empty(4, 4, device="meta")
    for tensor in (
        meta,
        meta.t(),
        meta[1:, 1:],
        torch._efficientzerotensor(3),
        torch._to_functional_tensor(torch.ones(2)),
    ):
        assert digest(tensor) is None
        assert raw_bytes(tensor) is None


def test_a_view_into_a_freed_storage_has_no_digest() -> None:
    base = torch.ones(100)
    half, even = base[50:], base[::2]
    assert None not in (digest(half), digest(base), digest(even))
    base.untyped_storage().resize_(0)
    assert (digest(half), digest(base), digest(even), raw_bytes(half)) == (None, None, None, None)


def test_a_storage_that_shrank_is_not_read_past_its_end() -> None:
    base = torch.ones(4, 4)
    view = base.t()
    base.untyped_storage().resize_(40)
    assert (digest(view), raw_bytes(view), raw_bytes(base)) == (None, None, None)


def test_under_a_transform_wrappers_have_no_digest_and_plain_tensors_do() -> None:
    plain, expected = (
        torch.arange(6.0).reshape(2, 3).t(),
        existing(torch.arange(6.0).reshape(2, 3).t()),
    )
    found: list[Any] = []

    def function(wrapped: torch.Tensor) -> torch.Tensor:
        found.append((digest(wrapped), digest(plain)))
        return (wrapped * 2).sum()

    grads = torch.func.grad(function)(torch.ones(3))
    torch.func.vmap(function)(torch.ones(2, 3))
    assert found == [(None, expected)] * 2
    assert grads.tolist() == [2.0, 2.0, 2.0]


# -- it leaves no trace


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("name", ["contiguous", "transposed", "expanded", "complex"])
def test_the_tensor_is_left_untouched(name: str, requires_grad: bool) -> None:
    base = torch.randn(4, 6, generator=seeded())
    tensor = {
        "contiguous": base,
        "transposed": base.t(),
        "expanded": base[:1].expand(9, 6),
        "complex": torch.complex(base, base),
    }[name].requires_grad_(requires_grad)
    bytes_before, address = tensor.detach().clone(), tensor.data_ptr()
    version, strides = tensor._version, tensor.stride()
    random_state = torch.get_rng_state()
    assert digest(tensor) is not None
    assert raw_bytes(tensor) is not None
    assert (tensor._version, tensor.stride(), tensor.data_ptr()) == (version, strides, address)
    assert (tensor.requires_grad, tensor.grad_fn, tensor.grad, tensor.is_leaf) == (
        requires_grad,
        None,
        None,
        True,
    )
    assert torch.equal(tensor.detach(), bytes_before)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_the_storage_can_still_be_resized() -> None:
    tensor = torch.ones(4)
    digest(tensor)
    raw_bytes(tensor.reshape(2, 2).t())
    tensor.resize_(1000)
    assert tensor.untyped_storage().resizable()


def test_grad_mode_and_modes_are_as_before_also_when_there_is_no_digest() -> None:
    for tensor in (
        torch.ones(2, 2).t(),
        torch.empty(2, device="meta"),
        torch._efficientzerotensor(3),
    ):
        for enabled in (True, False):
            with torch.set_grad_enabled(enabled):
                digest(tensor)
                assert torch.is_grad_enabled() is enabled
    assert torch._C._is_torch_function_enabled()


class SeeDispatch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


class SeeFunction(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def test_no_mode_of_the_program_sees_the_recorder() -> None:
    tensors = [
        torch.ones(2),
        torch.ones(2, 3).t(),
        torch.ones(1).expand(7),
        *(one for one, _ in COMPOSITES.values()),
    ]
    expected = [existing(tensor) for tensor in tensors]
    with SeeDispatch() as dispatch, SeeFunction() as function:
        found = [digest(tensor) for tensor in tensors]
        for tensor in tensors:
            raw_bytes(tensor)
    assert found == expected
    assert (dispatch.seen, function.seen) == ([], [])


def test_a_jit_trace_holds_no_op_of_the_recorder() -> None:
    def function(tensor: torch.Tensor) -> torch.Tensor:
        digest(tensor)
        digest(tensor.t())
        return tensor + 1

    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # as the version of torch has it
            warnings.filterwarnings("ignore", category=category)
        traced = torch.jit.trace(function, torch.ones(2, 3))
    kinds = {node.kind() for node in traced.graph.nodes()}
    assert "aten::add" in kinds
    assert not kinds & {"aten::contiguous", "aten::clone", "aten::view", "aten::resolve_conj"}


@pytest.mark.parametrize("name", COMPOSITES)
def test_no_layout_makes_the_recorder_warn(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert digest(COMPOSITES[name][0]) is not None


def test_four_gigabytes_of_one_repeated_element_need_a_few_chunks_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copied: list[int] = []
    packed = digest_module.pack

    def counted(tensor: torch.Tensor) -> torch.Tensor:
        made = packed(tensor)
        copied.append(made.numel() * made.element_size())
        return made

    monkeypatch.setattr(digest_module, "pack", counted)
    tracemalloc.start()
    try:
        assert digest(torch.ones(1).expand(1 << 30)) is not None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert sum(copied) <= digest_module.CHUNK_BYTES


# -- the other three functions


@quick
@given(
    digests=st.lists(
        st.tuples(*[st.integers(0, 2**64 - 1)] * 2), min_size=2, max_size=5, unique=True
    )
)
def test_combine_depends_on_order_and_on_every_part(digests: list[tuple[int, int]]) -> None:
    assert combine(digests) != combine(digests[::-1])
    assert combine(digests) != combine(digests[:-1])


def test_combining_one_digest_returns_it_and_none_returns_zero() -> None:
    assert combine([(5, 7)]) == (5, 7)
    assert combine([]) == (0, 0)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (torch.empty(8, 3), "float32[8, 3]"),
        (torch.empty((), dtype=torch.bool), "bool[]"),
        (torch.empty(2, 0, dtype=torch.bfloat16, device="meta"), "bfloat16[2, 0]"),
        (COMPOSITES["jagged"][0], "float32[2, *, 4]"),
        (COMPOSITES["nested"][0], "float32[?]"),
        (COMPOSITES["coo"][0], "float32[4, 4]"),
    ],
)
def test_describe_names_dtype_and_shape(tensor: torch.Tensor, text: str) -> None:
    assert describe(tensor) == text


def test_the_seed_depends_on_dtype_and_shape_alone() -> None:
    assert seed_for(torch.zeros(2, 3)) == seed_for(torch.ones(3, 2).t())
    assert (
        len({seed_for(t) for t in (torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(2, 3).int())})
        == 3
    )


@quick
@given(dtype=st.sampled_from(NATIVE), shape=shapes, seed=seeds)
def test_raw_bytes_are_those_of_the_elements_in_logical_order(
    dtype: torch.dtype, shape: tuple[int, ...], seed: int
) -> None:
    tensor = tensor_of(dtype, shape, seed)
    reversed_dims = tensor.permute(list(reversed(range(len(shape)))))
    expected = b"".join(
        tensor[index].reshape(1).view(torch.uint8).numpy().tobytes()
        for index in sorted(indices_of(shape), key=lambda index: index[::-1])
    )
    assert raw_bytes(reversed_dims) == (str(dtype)[6:], shape[::-1], expected)


def indices_of(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for size in shape:
        found = [(*index, i) for index in found for i in range(size)]
    return found


def test_raw_bytes_are_a_copy() -> None:
    tensor = torch.zeros(2)
    raw = raw_bytes(tensor)
    tensor.fill_(1.0)
    assert raw == ("float32", (2,), bytes(8))


@pytest.mark.parametrize("name", sorted(COMPOSITES.keys() - {"mkldnn"}))
def test_composite_layouts_have_no_raw_bytes(name: str) -> None:
    assert raw_bytes(COMPOSITES[name][0]) is None


# -- PyTorch's own samples


@pytest.mark.slow
@pytest.mark.seeded
@pytest.mark.leaves(
    "sys-path", reason="setuptools, which PyTorch's test tools import, appends its vendored folder"
)
def test_samples_of_op_db_and_their_results_equal_contiguous_twins_and_keep_their_bytes() -> None:
    from torch.testing._internal.common_methods_invocations import op_db

    wrong, changed, looked_at = set(), set(), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for op in op_db[::2]:  # for time: the twins of all take minutes
            if torch.float32 not in op.dtypes:
                continue
            torch.manual_seed(0)
            for sample in first_of(op.sample_inputs("cpu", torch.float32, requires_grad=False), 1):
                values = [sample.input, sample.args, sample.kwargs, result_of(op, sample)]
                for tensor in torch.utils._pytree.tree_leaves(values):
                    if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                        looked_at += 1
                        before = bytes_of(tensor)
                        version = tensor._version
                        found = digest(tensor)
                        if found is None or (
                            before is not None and found != existing(twin_of(tensor, before))
                        ):
                            wrong.add(op.name)
                        if bytes_of(tensor) != before or tensor._version != version:
                            changed.add(op.name)
    assert looked_at > 700
    assert (wrong, changed) == (set(), set())


def first_of(values: Any, count: int) -> list[Any]:
    return [value for _, value in zip(range(count), values, strict=False)]


def result_of(op: Any, sample: Any) -> Any:
    try:
        return op(sample.input, *sample.args, **sample.kwargs)
    except Exception:
        # Some samples of sparse and prototype ops need a context; their inputs are looked at
        # all the same.
        return None


def twin_of(tensor: torch.Tensor, content: bytes) -> torch.Tensor:
    return of_bytes(content, tensor.dtype, tuple(tensor.shape))


def bytes_of(tensor: torch.Tensor) -> bytes | None:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        return None
    plain = (
        tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    )
    return plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b""
