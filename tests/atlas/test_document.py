"""Observed against declared: which table a finding belongs into."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from reproaudit.atlas.document import settle_status
from reproaudit.atlas.page import render
from tests.atlas.records import cell, differing, document, stable


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (differing(cell("a"), "differs"), "observed_not_declared"),
        (differing(cell("a"), "stable"), "observed_switched"),
        (differing(cell("a"), "raises"), "declared_and_observed"),
        (stable(cell("a"), "raises"), "declared_not_observed"),
        (
            stable(cell("a"), "raises unless CUBLAS_WORKSPACE_CONFIG is set"),
            "declared_not_observed",
        ),
    ],
)
def test_a_finding_stands_in_the_table_of_what_it_is(record: dict[str, Any], table: str) -> None:
    found = document(record)["table"]
    assert {name: len(rows) for name, rows in found.items() if rows} == {table: 1}


def test_one_call_that_differs_under_the_flag_makes_the_op_one_that_is_not_declared() -> None:
    found = document(
        differing(cell("a"), "raises"), differing(cell("a", dtype="float64"), "differs")
    )
    (row,) = found["table"]["observed_not_declared"]
    assert row["dtypes"] == ["float32", "float64"]


def test_an_accusation_that_is_not_seen_again_does_not_stand() -> None:
    record = differing(cell("a"), "differs", again=False)
    found = document(record)
    assert settle_status(record) == "unconfirmed"
    assert not any(found["table"].values())
    assert [row["status"] for row in found["apart"]] == ["unconfirmed"]


def test_an_accusation_that_was_never_looked_at_again_does_not_stand() -> None:
    record = differing(cell("a"), "differs")
    del record["confirm"]
    assert not any(document(record)["table"].values())


def test_what_reads_undefined_memory_is_told_apart_and_accused_of_nothing() -> None:
    found = document(
        stable(cell("empty"), status="undefined memory", way="another filling of fresh memory")
    )
    assert not any(found["table"].values())
    assert found["apart"][0]["status"] == "undefined memory"


def test_a_crash_costs_its_own_cell_alone() -> None:
    crashed = {"cell": cell("b"), "status": "crashed", "why": "killed by SIGSEGV"}
    found = document(crashed, stable(cell("b", "backward")))
    assert found["unfinished"] == [crashed]
    assert found["counts"]["statuses"] == {"crashed": 1, "stable": 1}


def test_the_order_of_the_log_does_not_matter() -> None:
    records = [differing(cell(op), "stable") for op in "abc"] + [
        stable(cell(op), "raises") for op in "def"
    ]
    shuffled = random.Random(0).sample(records, len(records))
    assert json.dumps(document(*records)) == json.dumps(document(*shuffled))
    assert render(document(*records)) == render(document(*shuffled))
