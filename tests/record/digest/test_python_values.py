"""Which Python values have equal digests, and what reading them must not do."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import os
import random
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.record.digest.python_values import END_ITEMS, MAX_BYTES, MAX_LEAVES, value_digest

ROOT = Path(__file__).resolve().parents[2]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.fractions()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.dates()
)
hashable = st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.lists(inner, max_size=4).map(tuple)
        | st.frozensets(hashable, max_size=6)
        | st.sets(hashable, max_size=6)
        | st.dictionaries(hashable, inner, max_size=6)
    ),
    max_leaves=20,
)


def copied(value: Any) -> Any:
    """Copy a value by its content, so that nothing of it is shared and sets are filled in another
    order."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(copied(item) for item in value)
    if kind in (set, frozenset):
        return kind(copied(item) for item in reversed(list(value)))
    if kind is dict:
        return {copied(key): copied(item) for key, item in value.items()}
    if kind is str:
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    return value


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any


@given(values)
def test_a_copy_has_the_digest_of_its_original(value: Any) -> None:
    assert value_digest(copied(value)) == value_digest(value)


@given(
    st.lists(st.integers() | st.text(), min_size=2, max_size=20, unique=True),
    st.randoms(use_true_random=False),
)
def test_the_order_of_a_list_counts_and_that_of_a_set_does_not(
    items: list[Any], generator: random.Random
) -> None:
    permuted = items[:]
    generator.shuffle(permuted)
    assert (value_digest(permuted) == value_digest(items)) is (permuted == items)
    assert value_digest(set(permuted)) == value_digest(set(items))
    assert value_digest(frozenset(permuted)) == value_digest(frozenset(items))
    assert (value_digest(dict.fromkeys(permuted)) == value_digest(dict.fromkeys(items))) is (
        permuted == items
    )
    assert (
        value_digest(collections.deque(permuted)) == value_digest(collections.deque(items))
    ) is (permuted == items)


@given(values, values)
def test_values_of_one_digest_look_alike(one: Any, other: Any) -> None:
    if value_digest(one) == value_digest(other):
        assert type(one) is type(other)
        assert repr(one) == repr(other) or one == other


@given(st.floats(), st.floats())
def test_a_float_counts_by_its_bits(one: float, other: float) -> None:
    assert (value_digest(one) == value_digest(other)) is (
        struct.pack("<d", one) == struct.pack("<d", other)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, True),
        (1, 1.0),
        ("1", b"1"),
        ([], ()),
        ([[1], 2], [[1, 2]]),
        (["ab", "c"], ["a", "bc"]),
        ({1: 2}, {2: 1}),
        (range(3), range(4)),
        (slice(1, 2), slice(1, 3)),
        (1 << 20_000, (1 << 20_000) + 1),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (Fraction(1, 3), Fraction(2, 3)),
        (
            datetime.datetime(2020, 1, 1),
            datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
        ),
        (datetime.timedelta(1), datetime.timedelta(2)),
        (Colour.RED, Colour.BLUE),
        (Path("a"), Path("b")),
        (Path("a"), PurePosixPath("a")),
        (np.zeros(3), np.zeros(3, np.float32)),
        (np.arange(6), np.arange(6).reshape(2, 3)),
        (np.float64(1), 1.0),
        (np.array(["a", None], object), np.array(["b", None], object)),
        (torch.zeros(3), torch.zeros(3, dtype=torch.int32)),
        (torch.float32, torch.float64),
        (Point(1), Point(2)),
        (Point([1, 2]), Point([2, 1])),
        (Slotted(1), Slotted(2)),
        (len, max),
        (int, str),
    ],
    ids=lambda value: type(value).__name__,
)
def test_these_differ(one: Any, other: Any) -> None:
    assert value_digest(one) is not None
    assert value_digest(one) != value_digest(other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point(Point(1), [Colour.RED]),
        lambda: Slotted({1, 2}),
        lambda: np.arange(24).reshape(4, 6)[:, ::2],
        lambda: torch.arange(24).reshape(4, 6).t(),
        lambda: collections.Counter("abca"),
        lambda: collections.defaultdict(list, a=[1]),
        lambda: math.nan,
        lambda: (
            threading.Lock(),
            iter([1]),
            (i for i in "ab"),
            open,
            test_these_differ,
            torch,
            lambda: 0,
        ),
        lambda: torch.nn.Linear(2, 2),
        lambda: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(2))),
    ],
    ids=range(10),
)
@pytest.mark.seeded
def test_values_made_twice_have_one_digest_whatever_their_addresses(make: Any) -> None:
    one, other = make(), make()
    assert value_digest(one) == value_digest(other)
    assert value_digest(one) is not None


@pytest.mark.slow
def test_the_digests_of_another_process_are_the_same_under_another_hash_seed() -> None:
    program = (
        "from reproaudit.record.digest.python_values import value_digest\n"
        "class Item:\n    def __init__(self, n): self.n = n\n"
        "print(value_digest([{'a', 'b', 'c', 1}, {'x': Item(1)}, Item({'k', 'l'}), print, None, "
        "0.1]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_an_ordered_dictionary_counts_by_its_own_order() -> None:
    one = collections.OrderedDict([("a", 1), ("b", 2)])
    other = collections.OrderedDict([("a", 1), ("b", 2)])
    other.move_to_end("a")
    assert value_digest(one) != value_digest(other)


def test_cycles_end() -> None:
    def ring(size: int) -> list[Any]:
        first: list[Any] = []
        last = first
        for _ in range(size - 1):
            last.append([])
            last = last[0]
        last.append(first)
        return first

    assert value_digest(ring(1)) == value_digest(ring(1))
    assert value_digest(ring(1)) != value_digest(ring(2))
    holder = Point(0)
    holder.x = holder
    assert value_digest(holder) is not None


def test_a_long_list_counts_by_its_length_and_its_ends() -> None:
    items = list(range(10 * END_ITEMS))
    middle, end = items[:], items[:]
    middle[END_ITEMS * 5] = end[-1] = -1
    assert value_digest(middle) == value_digest(items)
    assert value_digest(end) != value_digest(items)
    assert value_digest([*items, 0][1:]) != value_digest(items)


def test_work_is_bounded_though_a_value_refers_to_itself_a_million_times() -> None:
    wide: list[Any] = [0]
    for _ in range(12):
        wide = [wide] * 60
    assert value_digest(wide) is not None
    assert value_digest(set(range(MAX_LEAVES + 1))) == value_digest(set(range(1, MAX_LEAVES + 2)))


def test_a_large_text_counts_by_its_length_and_its_ends() -> None:
    text = "a" * (2 * MAX_BYTES)
    assert value_digest(text[:-1] + "b") != value_digest(text)
    assert value_digest("b" + text[1:]) != value_digest(text)
    assert value_digest(text + "a") != value_digest(text)


def test_a_large_tensor_counts_by_its_shape() -> None:
    size = 1 << 21
    assert value_digest(torch.zeros(size)) == value_digest(torch.ones(size))
    assert value_digest(torch.zeros(size)) != value_digest(torch.zeros(size + 1))


def test_of_a_module_the_program_s_own_plain_attributes_count() -> None:
    class Net(torch.nn.Module):
        def __init__(self, order: list[int]) -> None:
            super().__init__()
            self.order = order

    assert value_digest(Net([1, 2])) != value_digest(Net([2, 1]))


def test_a_thread_s_number_is_no_content_of_an_object_that_is_one() -> None:
    class Worker(threading.Thread):
        def __init__(self) -> None:
            super().__init__()
            self.task = "load"

    first, second = Worker(), Worker()
    first.start()
    first.join()
    assert value_digest(first) == value_digest(second)


def test_nothing_of_the_program_is_called() -> None:
    def fail(*_: object) -> Any:
        raise AssertionError("the program's own code was called")

    methods = (
        "__repr__ __str__ __eq__ __hash__ __len__ __iter__ __getitem__ __getattribute__ "
        "__getattr__ __bool__ __format__ __reduce__ __reduce_ex__ __contains__ __index__ __float__ "
        "__dir__ __sizeof__ __instancecheck__ items keys"
        " values encode tolist tobytes __array_finalize__ __torch_function__"
    ).split()
    hostile = dict.fromkeys(methods, fail) | {"__class__": property(fail), "name": property(fail)}
    examples = [object(), [1], {1: 2}, (1,), "a", 3, 0.5, {1}, b"a"]
    for base, arguments in [
        (type(value), () if type(value) is object else (value,)) for value in examples
    ]:
        kind: Any = type("Hostile", (base,), hostile)
        made = base.__new__(kind, *arguments)
        if base in (list, dict, set):
            base.__init__(made, *arguments)
        assert value_digest(made) is not None, base
        assert value_digest([made]) is not None, base


def test_a_type_whose_metaclass_hashes_is_known_by_its_name() -> None:
    class Meta(type):
        def __hash__(cls) -> int:
            raise AssertionError("the program's own code was called")

    class Odd(metaclass=Meta):
        pass

    assert value_digest([Odd()]) == value_digest([Odd()])


def test_a_property_in_the_place_of_the_attributes_is_not_asked() -> None:
    class Odd:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise AssertionError("the program's own code was called")

    assert value_digest([Odd()]) == value_digest([Odd()])


def test_nothing_is_held_afterwards() -> None:
    point = Point([1, 2])
    seen = weakref.ref(point)
    value_digest([point, {1: point}])
    del point
    assert seen() is None


def test_an_iterator_and_a_generator_are_not_advanced() -> None:
    def numbers() -> Iterator[int]:
        yield from range(3)

    iterator, generator = iter([1, 2]), numbers()
    value_digest([iterator, generator])
    assert (next(iterator), next(generator)) == (1, 0)
