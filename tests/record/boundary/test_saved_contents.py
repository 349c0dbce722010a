"""Which tensors an object holds, and the paths of their keys."""

from __future__ import annotations

import argparse
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch

from reproaudit.record.boundary.saved_contents import (
    TooManyValues,
    convert_array,
    convert_numbers,
    find_saved_tensors,
)

pytestmark = pytest.mark.seeded
ONE = torch.ones(1)
Pair = namedtuple("Pair", "left right")


def paths(value: Any) -> list[str]:
    return [path for path, _ in find_saved_tensors(value)]


def test_nested_containers_give_paths_that_a_reader_knows() -> None:
    state = {
        "model": OrderedDict([("fc.weight", ONE)]),
        "optimizer": {"state": {0: {"exp_avg": ONE}}},
        "history": [ONE, 0.5],
        "pair": Pair(ONE, "text"),
        "epoch": 3,
    }
    assert paths(state) == [
        "model.fc.weight",
        "optimizer.state[0].exp_avg",
        "history[0]",
        "pair[0]",
    ]


def test_a_whole_module_is_its_state() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1, affine=False))
    model.register_buffer("cache", ONE, persistent=False)
    assert paths(model) == [
        "0.weight",
        "0.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]


def test_plain_objects_are_looked_into_and_code_is_not() -> None:
    assert paths({"args": argparse.Namespace(scale=ONE), "code": paths, "type": dict}) == [
        "args.scale"
    ]


def test_no_code_of_the_program_runs() -> None:
    class Shy(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError

        def __iter__(self) -> Any:
            raise AssertionError

        @property
        def hidden(self) -> Any:
            raise AssertionError

    assert paths(Shy(a=ONE)) == ["a"]


def test_an_object_that_holds_itself_has_an_end() -> None:
    circle: dict[str, Any] = {"w": ONE}
    circle["again"] = circle
    assert paths(circle) == ["w"]


def test_keys_that_are_addresses_do_not_reach_a_path() -> None:
    assert paths({id(ONE): ONE, ONE: ONE, 7: ONE, (1, "a"): ONE}) == ["[]", "[]", "[7]", "[[1], a]"]


def test_the_state_of_numpy_s_generators_is_left_out() -> None:
    assert paths({"legacy": np.random.RandomState(0).get_state(), "w": ONE}) == ["w"]
    assert paths(np.random.RandomState(0).get_state(legacy=False)) == []


def test_an_array_is_a_tensor_of_its_content() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert dict(find_saved_tensors({"a": array}))["a"].tolist() == array.tolist()
    assert convert_array(array[::-1]) is not None
    assert convert_array(np.array(["text"])) is not None
    assert convert_array(np.array([], dtype="U3")) is not None
    assert convert_array(np.array([object()])) is None


def test_lists_of_numbers_are_arrays_to_numpy() -> None:
    numbers = convert_numbers([[1.0, 2.0], [3.0, 4.0]])
    assert numbers is not None
    assert numbers.shape == (2, 2)
    assert convert_numbers([1.0, "text"]) is None
    assert convert_numbers([[1.0], 2.0]) is None


def test_an_object_without_end_is_given_up() -> None:
    with pytest.raises(TooManyValues):
        paths([None] * 300_000)
