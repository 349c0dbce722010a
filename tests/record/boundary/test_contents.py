"""Which tensors are found in what a program hands on, and by which paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from reproaudit.record.boundary.contents import find_named_tensors

ONE = torch.ones(1)


@dataclass
class Result:
    loss: torch.Tensor
    hidden: tuple[torch.Tensor, ...]
    label: str = "none"


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (ONE, ["out"]),
        ([ONE, (ONE, "text"), 3], ["out[0]", "out[1][0]"]),
        ({"logits": ONE, 7: ONE, ("a", 1): ONE}, ["out.logits", "out[7]", "out[('a', 1)]"]),
        (Result(ONE, (ONE, ONE)), ["out.loss", "out.hidden[0]", "out.hidden[1]"]),
        ("text", []),
    ],
)
def test_every_tensor_has_the_path_by_which_a_user_reaches_it(value: Any, paths: list[str]) -> None:
    assert [path for path, _ in find_named_tensors(value, "out")] == paths


def test_tensors_keep_their_order_and_identity() -> None:
    first, second = torch.zeros(1), torch.zeros(1)
    found = [tensor for _, tensor in find_named_tensors({"b": first, "a": [second]}, "out")]
    assert found[0] is first
    assert found[1] is second


def test_a_container_that_holds_itself_is_not_followed_for_ever() -> None:
    endless: list[Any] = [ONE]
    endless.append(endless)
    paths = [path for path, _ in find_named_tensors(endless, "out")]
    assert paths == ["out" + "[1]" * depth + "[0]" for depth in range(8)]
