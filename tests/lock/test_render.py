"""What `reproaudit check` says, word for word where people will look for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reproaudit.config.settings import Settings
from reproaudit.lock.check import (
    Changes,
    CheckResult,
    State,
    compare_runs,
    not_comparable,
)
from reproaudit.lock.model import Entry
from reproaudit.lock.render import to_document, to_lines
from reproaudit.lock.where import Where, WhereKind
from tests.lock.locks import HERE, op, run_with, tensor

LOCKED = run_with(
    op("addmm.default"),
    op("relu.default", "2", "3"),
    tensors=(tensor("loss", "1", "loss", value="0.5"), tensor("w", "1")),
)
NOW = run_with(
    op("addmm.default"),
    op("gelu.default", "2", "4", line=9),
    tensors=(
        tensor("loss", "2", "loss", value="0.25"),
        replace(tensor("w", "2"), tensor="float32[9]"),
    ),
    files=(("lib/opt im.py", "f" * 16), ("train.py", "1" * 16)),
    environment=(*HERE[:-1], ("threads", "1")),
)
ENTRY = Entry("train.py", ("--lr", "0 1"), runs=(LOCKED,))
DIFFERS = compare_runs(ENTRY, LOCKED, NOW, Settings())


def test_a_difference_says_first_where_then_what_differs_then_what_changed() -> None:
    assert to_lines(DIFFERS, "x.lock") == [
        "differs: train.py --lr '0 1' no longer computes what x.lock holds; first at "
        "aten::gelu, train.py:9 "
        "(step 0, forward)",
        "",
        "First where",
        "  what         operators that only one side has",
        "  only locked  aten::relu  train.py:7  in net.0  step 0, forward",
        "  only now     aten::gelu  train.py:9  in net.0  step 0, forward",
        "",
        "What differs",
        "  2 of 2 tensors, in step 0",
        "  step 0  loss      loss  float32[8,3]  locked 0.5                            now 0.25",
        "  step 0  gradient  w                   locked float32[8,3] 0000000000000001  "
        "now float32[9] 0000000000000002",
        "",
        "What changed",
        "  code         train.py changed; the call above stands in it",
        "  environment  threads: 2 -> 1",
        "",
        "Next",
        "  reproaudit train.py --lr '0 1'    tells whether it is still the same in each run",
        "  reproaudit lock train.py --lr '0 1'    if this is wanted: reviewers see it in "
        "the lock's diff",
    ]


def test_equal_is_one_line_and_equal_elsewhere_says_what_is_otherwise() -> None:
    equal = compare_runs(ENTRY, LOCKED, LOCKED, Settings())
    assert to_lines(equal, "x.lock") == [
        "equal: train.py --lr '0 1' computes what x.lock holds: 2 tensors"
    ]
    elsewhere = compare_runs(
        ENTRY, LOCKED, replace(LOCKED, environment=NOW.environment), Settings()
    )
    assert to_lines(elsewhere, "x.lock") == [
        "equal, though not run as it was locked: train.py --lr '0 1' computes what "
        "x.lock holds: 2 tensors",
        "  environment  threads: 2 -> 1",
    ]


def test_what_cannot_be_compared_says_why_and_what_to_do() -> None:
    lines = to_lines(not_comparable("a.py", "there is no file", "look again"), "x.lock")
    assert lines == ["not comparable here: a.py: there is no file", "  hint: look again"]


@pytest.mark.parametrize("kind", WhereKind)
def test_every_kind_of_first_difference_is_said_in_words(kind: WhereKind) -> None:
    where = (
        Where(kind, (op("mm"),), (op("mm"),))
        if kind is not WhereKind.TENSOR
        else Where(kind, tensor="loss loss")
    )
    lines = to_lines(replace(DIFFERS, where=where), "x.lock")
    assert lines[3].startswith("  what ")
    assert ("aten::mm" in "\n".join(lines)) is (kind is not WhereKind.TENSOR)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (Changes(), "reproaudit train.py --lr '0 1'    tells whether two runs are equal"),
        (
            Changes(environment=(("torch", "1", "2"),)),
            "keeps what this environment computes beside the others",
        ),
        (Changes(settings=(("seed", "1", "2"),)), "if this is wanted"),
    ],
)
def test_the_next_step_depends_on_what_changed(changes: Changes, told: str) -> None:
    lines = to_lines(replace(DIFFERS, changes=changes), "x.lock")
    assert told in lines[-1]
    assert any("nothing that is recorded" in line for line in lines) is not changes.is_any


def test_long_lists_are_cut_and_say_so() -> None:
    many = tuple(op("mm", line=number) for number in range(50))
    result = replace(
        DIFFERS,
        where=Where(WhereKind.OPERATORS, many, ()),
        tensors=DIFFERS.tensors * 40,
        changes=Changes(code=tuple((f"{number}.py", "new") for number in range(50))),
    )
    text = "\n".join(to_lines(result, "x.lock"))
    assert len(text.split("\n")) < 40
    assert [more in text for more in ("and 45 more\n", "and 70 more\n", "and 45 more files\n")] == [
        True
    ] * 3


def test_the_document_says_the_same_to_machines() -> None:
    document = to_document([DIFFERS, CheckResult("b.py", State.EQUAL, compared=3)], "x.lock", 1)
    assert json.loads(json.dumps(document)) == document
    first = document["entries"][0]
    assert (document["schema"], document["exit_code"], first["state"], first["differing"]) == (
        1,
        1,
        "differs",
        2,
    )
    assert first["where"]["kind"] == "operators"
    assert first["where"]["now"][0]["location"] == {"path": "train.py", "line": 9}
    assert first["first_differing"][0] == {
        "step": 0,
        "kind": "loss",
        "name": "loss",
        "locked": "0.5",
        "now": "0.25",
    }
    assert first["changed"] == {
        "code": [{"path": "train.py", "how": "changed"}],
        "settings": [],
        "environment": [{"name": "threads", "locked": "2", "now": "1"}],
    }
    assert (first["at_changed_file"], document["entries"][1]["where"]) == (True, None)
