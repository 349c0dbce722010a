"""Names beside a tree of digests: the tensor that a number means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.comparison.digest_tree import NO_STEP
from reproaudit.comparison.run_tree import list_leaves
from reproaudit.comparison.tensor_names import TensorNames, describe_leaf, list_names
from reproaudit.errors import TraceError
from reproaudit.model.events import EventKind
from tests.comparison.traces import Row, make_run


def names_of(folder: Path, steps: int) -> TensorNames:
    rows = [
        Row(name, 1, kind=EventKind.GRADIENT, step=step) for step in range(steps) for name in "aba"
    ]
    leaves = list_leaves(make_run(folder, 0, [*rows, Row("left", 1, kind=EventKind.FINAL)]))
    found = list_names(leaves)
    for leaf_step in range(steps):
        own = [describe_leaf(leaf) for leaf in leaves if leaf.step == leaf_step]
        assert [found.find(leaf_step, number) for number in range(len(own))] == own
    return found


def test_a_number_of_a_step_is_a_name(tmp_path: Path) -> None:
    found = names_of(tmp_path, 2)
    assert found.find(1, 1) == "gradient a, occurrence 2"
    assert found.find(NO_STEP, 0) == "final left"
    assert found.find(7, 0) == found.find(1, 99) == ""


def test_steps_that_are_alike_share_their_names(tmp_path: Path) -> None:
    found = names_of(tmp_path, 100)
    assert len(found.layouts) == 2
    assert len(found.to_bytes()) < 1500


def test_names_are_read_back(tmp_path: Path) -> None:
    found = names_of(tmp_path, 3)
    assert TensorNames.from_bytes(found.to_bytes(), "names") == found


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff", '{"magic": "x"}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TraceError, match="cannot read 'names'"):
        TensorNames.from_bytes(text.encode("utf-8", "surrogateescape"), "names")


def test_another_version_is_refused(tmp_path: Path) -> None:
    document = json.loads(names_of(tmp_path, 1).to_bytes()) | {"version": 2}
    with pytest.raises(TraceError, match="another version"):
        TensorNames.from_bytes(json.dumps(document).encode(), "names")
