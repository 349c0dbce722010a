"""Observed against declared: which table a finding belongs into, and the page made of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from reproaudit.atlas.cells import Request
from reproaudit.atlas.document import make_document, settle_status
from reproaudit.atlas.page import render

HEAD = {"environment": {"torch": "2.13.0"}, "request": Request().to_json()}
REPORTS = Path(__file__).resolve().parents[2] / "reports" / "atlas"


def cell(op: str, phase: str = "forward", dtype: str = "float32", size: str = "large") -> str:
    return f"cpu/{op}/{dtype}/{size}/t2/{phase}"


def stable(name: str, declared: str = "nothing", **more: Any) -> dict[str, Any]:
    return {
        "cell": name,
        "status": "stable",
        "calls": 3,
        "samples": 5,
        "elements": 9,
        "declared": declared,
        **more,
    }


def differing(name: str, under_flag: str, *, again: bool = True, **more: Any) -> dict[str, Any]:
    return {
        **stable(name),
        "status": "differs",
        "call": "0",
        "way": "plain",
        "tallies": {"plain": [2, 10]},
        "difference": {"elements": 9, "differing": 1, "max_abs": 0.5},
        "under_flag": under_flag,
        "of_calls": 1,
        "confirm": {
            "again": again,
            "way": "plain",
            "tallies": {"plain": [4, 20]},
            "aten": "aten::put.default",
            "program": "print('|')",
        },
        **more,
    }


def document(*records: dict[str, Any]) -> dict[str, Any]:
    return make_document(HEAD, {record["cell"]: record for record in records})


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


def test_what_could_not_be_enlarged_is_said_with_its_reason() -> None:
    refused = {
        "cell": cell("odd_op"),
        "status": "not enlarged",
        "elements": 50,
        "why": "RuntimeError: no | never",
    }
    assert "| `odd_op` | float32 | 50 | RuntimeError: no \\| never |" in render(document(refused))


def test_the_order_of_the_log_does_not_matter() -> None:
    records = [differing(cell(op), "stable") for op in "abc"] + [
        stable(cell(op), "raises") for op in "def"
    ]
    shuffled = random.Random(0).sample(records, len(records))
    assert json.dumps(document(*records)) == json.dumps(document(*shuffled))
    assert render(document(*records)) == render(document(*shuffled))


def test_the_page_gives_the_commands_that_show_it_again() -> None:
    page = render(document(differing(cell("a"), "differs", reproduced=[7, 20])))
    assert f"`reproaudit atlas --cell {cell('a')}`" in page
    assert "python -c 'print('\"'\"'|'\"'\"')'" in page
    assert "reproduced: 7 of 20 differ" in page


def test_a_program_that_failed_is_not_called_reproduced() -> None:
    page = render(document(differing(cell("a"), "differs", reproduced=None)))
    assert "reproduced:" not in page
    assert "the program failed or took too long" in page


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_committed_page_is_what_its_document_renders_to(device: str) -> None:
    path = REPORTS / f"{device}.json"
    if not path.exists():
        pytest.skip(f"no sweep of {device} is committed")
    assert path.with_suffix(".md").read_text(encoding="utf-8") == render(
        json.loads(path.read_text(encoding="utf-8"))
    )
