"""The page says what differs, how to see it again, and what was not enlarged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.atlas.page import render
from tests.atlas.records import cell, differing, document, stable

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "atlas"


def test_what_could_not_be_enlarged_is_said_with_its_reason() -> None:
    refused = {
        "cell": cell("odd_op"),
        "status": "not enlarged",
        "elements": 50,
        "why": "RuntimeError: no | never",
    }
    assert "| `odd_op` | float32 | 50 | RuntimeError: no \\| never |" in render(document(refused))


def test_the_page_gives_the_commands_that_show_it_again() -> None:
    page = render(document(differing(cell("a"), "differs", reproduced=[7, 20])))
    assert f"`reproaudit atlas --cell {cell('a')}`" in page
    assert "python -c 'print('\"'\"'|'\"'\"')'" in page
    assert "reproduced: 7 of 20 differ" in page


def test_a_program_that_failed_is_not_called_reproduced() -> None:
    page = render(document(differing(cell("a"), "differs", reproduced=None)))
    assert "reproduced:" not in page
    assert "the program failed or took too long" in page


def test_a_table_without_rows_says_none() -> None:
    page = render(document(stable(cell("a"))))
    assert "## Observed, not declared\n\nNone.\n" in page
    assert "## Declared, never observed\n\nNone.\n" in page


def test_an_op_with_many_cells_names_six_of_them_and_counts_the_rest() -> None:
    ties = [
        stable(f"cpu/sort/float32/large/t{count}/forward", status="ties", way="plain")
        for count in range(1, 9)
    ]
    shown = ", ".join(f"float32 large t{count}" for count in range(1, 7))
    page = render(document(*ties))
    assert f"| `sort` | forward | {shown} and 2 more |" in page
    assert "they point at equal values. 8 cells." in page


def test_a_long_table_is_cut_and_says_how_much() -> None:
    crashed = [
        {"cell": cell(f"op{number}"), "status": "crashed", "why": "killed"} for number in range(403)
    ]
    page = render(document(*crashed))
    assert page.count("| crashed | killed |") == 400
    assert "\nAnd 3 more, in the JSON document.\n" in page


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_committed_page_is_what_its_document_renders_to(device: str) -> None:
    path = REPORTS / f"{device}.json"
    if not path.exists():
        pytest.skip(f"no sweep of {device} is committed")
    assert path.with_suffix(".md").read_text(encoding="utf-8") == render(
        json.loads(path.read_text(encoding="utf-8"))
    )
