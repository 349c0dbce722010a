"""A call as data: every argument and every tensor's place in memory, and a reason for what cannot
be written down."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from reproaudit.record.operation.call import (
    CallNotSaved,
    describe_call,
    save_call,
    tensors_of,
)
from reproaudit.trace.words import CALL_FILE, INPUTS_FILE

aten = torch.ops.aten


def bytes_of(tensor: torch.Tensor) -> list[int]:
    return tensor.contiguous().view(torch.uint8).flatten().tolist()


def test_the_operator_is_named_with_its_overload() -> None:
    call = describe_call(aten.add.Tensor, (torch.ones(2), torch.ones(2)), {})
    assert (call["op"], call["overload"]) == ("aten::add", "Tensor")
    assert describe_call(aten.relu.default, (torch.ones(2),), {})["overload"] == "default"


def test_what_json_has_no_word_for_is_tagged_and_survives_json() -> None:
    kwargs = {
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "layout": torch.strided,
        "memory_format": torch.channels_last,
        "value": [math.inf, -math.inf, -0.0, 1e-45, 1 + 2j, None, True, 2**60, "mean"],
    }
    call = json.loads(json.dumps(describe_call(aten.full.default, (), kwargs), allow_nan=False))
    assert call["kwargs"] == {
        "dtype": {"dtype": "float16"},
        "device": {"device": "cpu"},
        "layout": {"layout": "strided"},
        "memory_format": {"memory_format": "channels_last"},
        "value": [
            {"float": "inf"},
            {"float": "-inf"},
            -0.0,
            1e-45,
            {"complex": ["1.0", "2.0"]},
            None,
            True,
            2**60,
            "mean",
        ],
    }
    assert math.copysign(1.0, call["kwargs"]["value"][2]) == -1.0


def test_one_tensor_that_is_given_twice_is_one_tensor() -> None:
    one, other = torch.ones(2), torch.ones(2)
    call = describe_call(aten.index_put.default, (one, [None, other], one), {})
    assert call["args"] == [{"tensor": 0}, [None, {"tensor": 1}], {"tensor": 0}]
    assert [tensor["storage"] for tensor in call["tensors"]] == [0, 1]


def test_views_of_one_storage_are_two_tensors_on_one_storage() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    call = describe_call(aten.mm.default, (base, base.t()), {})
    assert call["tensors"] == [
        {
            "storage": 0,
            "dtype": "float32",
            "shape": [3, 4],
            "stride": [4, 1],
            "offset": 0,
            "device": "cpu",
        },
        {
            "storage": 0,
            "dtype": "float32",
            "shape": [4, 3],
            "stride": [1, 4],
            "offset": 0,
            "device": "cpu",
        },
    ]
    assert call["storages"] == [{"bytes": 48}]


def test_tensors_are_listed_in_order_each_once() -> None:
    a, b, c = torch.ones(1), torch.ones(1), torch.ones(1)
    found = tensors_of((b, [a, b], 3), {"out": (c, a)})
    assert [id(tensor) for tensor in found] == [id(b), id(a), id(c)]


def test_what_the_operator_writes_is_told_from_what_it_reads() -> None:
    a, b, out = torch.ones(2), torch.ones(2), torch.ones(2)
    assert describe_call(aten.add_.Tensor, (a, b), {})["mutated"] == [0]
    assert describe_call(aten.add.out, (a, b), {"out": out})["mutated"] == [2]
    assert describe_call(aten._foreach_add_.List, ([a, b], [b, out]), {})["mutated"] == [0, 1]
    assert describe_call(aten.add.Tensor, (a, b), {})["mutated"] == []


def test_outputs_that_may_be_undefined_memory_are_named() -> None:
    arguments = torch.ones(4, 2), torch.tensor([0, 1]), torch.tensor([0])
    assert describe_call(aten._embedding_bag.default, arguments, {})["workspace"] == [1, 2, 3]


def test_a_conjugate_view_is_kept_as_one() -> None:
    (tensor,) = describe_call(
        aten.mm.default, (torch.ones(2, 2, dtype=torch.complex64).conj(),), {}
    )["tensors"]
    assert tensor["conj"] is True


def test_the_memory_is_stored_by_storage_and_not_by_tensor(tmp_path: Path) -> None:
    base = torch.arange(12, dtype=torch.int16)
    save_call(tmp_path / "call", aten.add.Tensor, (base[::2], base.flip(0)[::2]), {})
    stored = load_file(tmp_path / "call" / INPUTS_FILE)
    assert {name: tensor.dtype for name, tensor in stored.items()} == dict.fromkeys(
        ("storage.0", "storage.1"), torch.uint8
    )
    assert (
        stored["storage.0"].tolist() == bytes_of(base)[:22]
    )  # up to the last element that is reached


def test_only_the_part_of_a_large_storage_that_is_used_is_stored(tmp_path: Path) -> None:
    base = torch.arange(100_000, dtype=torch.float64)
    view = base[50_003:50_007]
    save_call(tmp_path / "call", aten.neg.default, (view,), {})
    call = json.loads((tmp_path / "call" / CALL_FILE).read_text())
    (stored,) = load_file(tmp_path / "call" / INPUTS_FILE).values()
    assert stored.numel() < 128
    offset = call["tensors"][0]["offset"]
    assert stored.view(torch.float64)[offset : offset + 4].tolist() == view.tolist()
    assert (offset - view.storage_offset()) * 8 % 64 == 0  # alignment decides which kernel runs


def test_a_call_without_any_memory_is_saved(tmp_path: Path) -> None:
    save_call(tmp_path / "call", aten.cat.default, ([torch.ones(0), torch.ones(0, 3)],), {})
    assert [tensor.numel() for tensor in load_file(tmp_path / "call" / INPUTS_FILE).values()] == [
        0,
        0,
    ]


def test_saving_leaves_no_other_file_and_changes_no_input(tmp_path: Path) -> None:
    leaf = torch.ones(3, requires_grad=True)
    save_call(tmp_path / "call", aten.neg.default, (leaf,), {})
    assert sorted(os.listdir(tmp_path / "call")) == sorted([CALL_FILE, INPUTS_FILE])
    assert leaf.tolist() == [1.0, 1.0, 1.0]
    assert leaf._version == 0
    assert leaf.grad_fn is None


class Wrapped(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.eye(3).to_sparse(), "layout sparse_coo"),
        (torch.ones(3, device="meta"), "device meta"),
        (torch.ones(3).to_mkldnn(), "layout _mkldnn"),
        (torch.ones(3).as_subclass(Wrapped), "is a Wrapped"),
        (torch.Generator(), "is a Generator"),
    ],
    ids=["sparse", "meta", "mkldnn", "subclass", "generator"],
)
def test_what_cannot_be_made_again_is_refused_with_the_reason(
    tmp_path: Path, value: Any, reason: str
) -> None:
    with pytest.raises(CallNotSaved, match=reason):
        save_call(tmp_path / "call", aten.neg.default, (value,), {})
    assert not (tmp_path / "call").exists()


def test_memory_that_was_freed_is_refused() -> None:
    tensor = torch.ones(3)
    tensor.untyped_storage().resize_(0)
    with pytest.raises(CallNotSaved, match="freed"):
        describe_call(aten.neg.default, (tensor,), {})


def test_more_memory_than_is_allowed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallNotSaved, match="4,000 bytes, and 3,999 is the most"):
        save_call(tmp_path / "call", aten.neg.default, (torch.ones(1000),), {}, most_bytes=3999)


def test_a_folder_that_cannot_be_made_is_a_reason_and_no_error_of_the_program(
    tmp_path: Path,
) -> None:
    (tmp_path / "call").write_text("a file")
    with pytest.raises(CallNotSaved, match="could not be written"):
        save_call(tmp_path / "call", aten.neg.default, (torch.ones(1),), {})


def test_what_is_no_operator_overload_is_refused() -> None:
    with pytest.raises(CallNotSaved, match="no plain operator"):
        describe_call(torch.neg, (torch.ones(1),), {})
